/** `<ddpm-canvas>`: a diffusion model's whole reverse chain, computed live with WebGPU. See README.md. */

export type DdpmState = "idle" | "loading" | "paused" | "playing" | "complete" | "error";

export type DdpmErrorType =
  | "no-webgpu"
  | "device-lost"
  | "limits"
  | "out-of-memory"
  | "self-test"
  | "load"
  | "input"
  | "panic";

/** A model's facts. */
export interface DdpmInfo {
  name: string | null;
  parameters: number;
  width: number;
  height: number;
  channels: number;
  class_names: string[];
  null_class: number | null;
  num_classes: number | null;
  num_timesteps: number;
  /** β of each timestep. */
  betas: Float64Array;
  gflop_per_image: number;
  card: unknown;
}

/** Where a chain stands: x_t has t + 1 steps of noise, so t is -1 at its end. */
export interface DdpmProgress {
  t: number;
  stepsDone: number;
  stepsTotal: number;
  stepsPerSecond: number;
  /** Steps done at each kept frame. */
  kept: ArrayLike<number>;
}

export interface DdpmError {
  type: DdpmErrorType;
  message: string;
  /** Whether it was mended: a lost device replaced, or fewer pictures made. */
  recovered: boolean;
}

export interface DdpmSettings {
  /** Address of `ddpm_bg.wasm`; null: beside the script. */
  wasm: string | URL | null;
  /** Folder of the models that go by a name alone; null: `models/` beside the script. */
  models: string | null;
  /** Where `owner/name` is looked up. */
  hub: string;
  /** Whether models are kept in the browser's Cache API. */
  cache: boolean;
}

export interface DdpmCanvasEventMap {
  progress: CustomEvent<{ phase: "adapter" | "model" | "kernels" | "self-test"; done: number; total: number }>;
  load: CustomEvent<DdpmInfo>;
  step: CustomEvent<DdpmProgress>;
  complete: CustomEvent<undefined>;
  error: CustomEvent<DdpmError>;
  statechange: CustomEvent<{ state: DdpmState }>;
}

export class DdpmCanvas extends HTMLElement {
  /** For all elements of a page; read when the first of them loads. */
  static settings: DdpmSettings;

  model: string;
  integrity: string;
  count: number;
  /** A decimal number below 2^64, as text. */
  seed: string;
  sampler: "ddpm" | "ddim";
  steps: number | null;
  eta: number;
  label: number | null;
  guidance: number;
  view: "x_t" | "pred_x_start" | "pred_noise";
  speed: number;
  autoplay: boolean;
  loop: boolean;
  controls: boolean;
  loading: "eager" | "lazy" | "intent";
  poster: string;
  recording: string;
  alt: string;

  readonly state: DdpmState;
  readonly progress: DdpmProgress;
  readonly info: DdpmInfo | null;
  readonly adapter: string;
  readonly file: File | null;
  readonly branchedAt: number | null;
  readonly error: DdpmError | null;

  play(): void;
  pause(): void;
  step(): Promise<void>;
  restart(): void;
  seek(t: number): Promise<void>;
  open(file: File): void;
  toBlob(): Promise<Blob>;
  film(): Promise<Blob>;
  /** x_t, or what another view shows, [count, C, H, W]. */
  values(view?: "x_t" | "pred_x_start" | "pred_noise"): Promise<Float32Array>;
  /** From now on the chain begins with x, [count, C, H, W] or one picture for all, at its last step of at most t + 1 steps of noise. */
  denoise(x: Float32Array, t: number): void;
  denoise(x: null): void;
  shortcut(key: string): boolean;

  addEventListener<K extends keyof DdpmCanvasEventMap>(
    type: K,
    listener: (this: DdpmCanvas, event: DdpmCanvasEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "ddpm-canvas": DdpmCanvas;
  }
}
