"""The starter encoder-decoder: condenses short reports and translates into Tesk, in the layout of a T5 checkpoint."""
