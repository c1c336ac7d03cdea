//! The GPU: device, buffers, kernels, recorded plans, readback. One code path for native and web.

mod buffer;
mod context;
mod kernel;
#[cfg(not(target_arch = "wasm32"))]
mod matrices;
#[cfg(not(target_arch = "wasm32"))]
mod methods;
mod pace;
mod plan;
#[cfg(not(target_arch = "wasm32"))]
mod profile;
mod readback;
#[cfg(not(target_arch = "wasm32"))]
mod timestamps;

pub use buffer::{Buffer, SLICE_WORDS, TEXEL_ROW, Texels};
pub use context::{AdapterSummary, Counts, GpuContext, Tile};
pub use kernel::{Binding, KernelKey, Params, ParamsLayout, Shader, assemble};
#[cfg(not(target_arch = "wasm32"))]
pub use methods::{Abilities, Algorithm, ConvShape, Method, Methods};
pub use pace::Pace;
pub use plan::{Arg, Plan, Recorder};
#[cfg(not(target_arch = "wasm32"))]
pub use profile::StepTime;
#[cfg(not(target_arch = "wasm32"))]
pub use timestamps::Timestamps;

pub(crate) use kernel::{params, wgsl};
