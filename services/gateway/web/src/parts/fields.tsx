import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Icon } from "./icon";

interface Labelled {
  label: string;
  hint?: string;
}

interface SliderProps extends Labelled {
  value: number;
  min: number;
  max: number;
  step: number;
  onChange: (value: number) => void;
  shown?: (value: number) => string;
}

export function Slider({ label, hint, value, min, max, step, onChange, shown = String }: SliderProps) {
  const id = useId();
  const filled = `${((value - min) / (max - min)) * 100}%`;
  return (
    <div class="field">
      <div class="field-head">
        <label for={id}>{label}</label>
        <output for={id}>{shown(value)}</output>
      </div>
      <input
        id={id}
        class="slider"
        type="range"
        {...{ min, max, step, value }}
        aria-valuetext={shown(value)}
        style={{ "--filled": filled }}
        onInput={(event) => onChange(event.currentTarget.valueAsNumber)}
      />
      <Hint text={hint} />
    </div>
  );
}

interface SelectProps extends Labelled {
  value: string;
  options: readonly (string | { value: string; label: string })[];
  onChange: (value: string) => void;
}

export function Select({ label, hint, value, options, onChange }: SelectProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class="select">
        <select id={id} class="input" value={value} onChange={(event) => onChange(event.currentTarget.value)}>
          {options.map((option) => {
            const { value: name, label: text } = typeof option === "string" ? { value: option, label: option } : option;
            return (
              <option key={name} value={name} selected={name === value}>
                {text}
              </option>
            );
          })}
        </select>
        <Icon name="chevron" />
      </span>
      <Hint text={hint} />
    </div>
  );
}

interface TextFieldProps extends Labelled {
  value: string;
  placeholder?: string;
  rows?: number;
  numeric?: boolean;
  onChange: (value: string) => void;
}

export function TextField({ label, hint, value, placeholder, rows, numeric, onChange }: TextFieldProps) {
  const id = useId();
  const common = {
    id,
    value,
    class: "input",
    ...(placeholder === undefined ? {} : { placeholder }),
    onInput: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value),
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {rows === undefined ? (
        <input {...common} autocomplete="off" {...(numeric ? { inputMode: "numeric" as const, pattern: "[0-9]*" } : {})} />
      ) : (
        <textarea {...common} rows={rows} />
      )}
      <Hint text={hint} />
    </div>
  );
}

interface SegmentsProps<T extends string> extends Labelled {
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
}

export function Segments<T extends string>({ label, hint, value, options, onChange }: SegmentsProps<T>) {
  const name = useId();
  return (
    <fieldset class="field">
      <legend>{label}</legend>
      <div class="segments">
        {options.map((option) => (
          <label key={option.value}>
            <input type="radio" name={name} checked={option.value === value} onChange={() => onChange(option.value)} />
            {option.label}
          </label>
        ))}
      </div>
      <Hint text={hint} />
    </fieldset>
  );
}

interface SwitchProps extends Labelled {
  on: boolean;
  onChange: (on: boolean) => void;
}

export function Switch({ label, hint, on, onChange }: SwitchProps) {
  return (
    <div class="field">
      <label class="switch">
        {label}
        <input type="checkbox" role="switch" checked={on} onChange={(event) => onChange(event.currentTarget.checked)} />
      </label>
      <Hint text={hint} />
    </div>
  );
}

function Hint({ text }: { text: string | undefined }): ComponentChildren {
  return text === undefined ? null : <p class="hint">{text}</p>;
}
