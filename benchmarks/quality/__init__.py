"""What fewer bits cost the answers of a trained model."""
