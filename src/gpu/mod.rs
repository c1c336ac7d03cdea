//! Devices: adapters that wgpu reaches, and this computer's processor; buffers, kernels, recorded plans, readback. One code path for
//! native and web.

mod adapter;
mod buffer;
#[cfg(not(target_arch = "wasm32"))]
mod choice;
mod context;
mod encoder;
mod kernel;
#[cfg(not(target_arch = "wasm32"))]
mod matrices;
mod methods;
mod pace;
mod pipeline;
mod plan;
#[cfg(feature = "processor")]
mod processor;
#[cfg(not(target_arch = "wasm32"))]
mod profile;
mod readback;
mod texels;
#[cfg(not(target_arch = "wasm32"))]
mod timestamps;

pub use adapter::AdapterSummary;
pub use buffer::{Buffer, SLICE_WORDS, TEXEL_ROW};
#[cfg(not(target_arch = "wasm32"))]
pub use choice::{Abilities, Methods};
pub use context::{Counts, GpuContext, Tile};
pub use encoder::{Encoder, Submission};
pub use kernel::{Binding, HostKernel, KernelKey, Params, ParamsLayout, Shader, assemble};
pub use methods::{Algorithm, ConvShape, Method};
pub use pace::Pace;
pub use plan::{Arg, Plan, Recorder};
#[cfg(feature = "processor")]
pub use processor::{Call, Disjoint, Level, Processor, Team};
#[cfg(not(target_arch = "wasm32"))]
pub use profile::StepTime;
#[cfg(not(target_arch = "wasm32"))]
pub use timestamps::Timestamps;

pub(crate) use kernel::{host, params, wgsl};
pub(crate) use plan::grid;
#[cfg(feature = "processor")]
pub(crate) use processor::vectorised;
pub use texels::Texels;
