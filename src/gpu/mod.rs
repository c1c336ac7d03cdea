//! Devices: adapters that wgpu reaches, and this computer's processor; buffers, kernels, recorded plans, readback. One code path for
//! native and web.

mod adapter;
#[cfg(feature = "gpu")]
mod adapters;
mod buffer;
#[cfg(feature = "tuning")]
mod choice;
mod context;
mod encoder;
mod kernel;
#[cfg(feature = "tuning")]
mod matrices;
mod methods;
#[cfg(not(feature = "gpu"))]
mod no_texels;
mod pace;
mod plan;
#[cfg(feature = "processor")]
mod processor;
#[cfg(feature = "tuning")]
mod profile;
mod readback;
#[cfg(feature = "tuning")]
mod timestamps;

pub use adapter::AdapterSummary;
#[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
pub use adapters::Offers;
#[cfg(feature = "gpu")]
pub use adapters::Texels;
pub use buffer::{Buffer, SLICE_WORDS, TEXEL_ROW};
#[cfg(feature = "tuning")]
pub use choice::{Abilities, Methods};
pub use context::{Counts, GpuContext, Tile};
pub use encoder::{Encoder, Submission};
pub use kernel::{Binding, HostKernel, KernelKey, Params, ParamsLayout, Shader, assemble};
pub use methods::{Algorithm, ConvShape, Method};
#[cfg(not(feature = "gpu"))]
pub use no_texels::Texels;
pub use pace::Pace;
pub use plan::{Arg, Plan, Recorder};
#[cfg(feature = "processor")]
pub use processor::{Call, Disjoint, Level, Processor, Team};
#[cfg(feature = "tuning")]
pub use profile::StepTime;
#[cfg(feature = "tuning")]
pub use timestamps::Timestamps;

pub(crate) use kernel::{params, wgsl};
pub(crate) use plan::grid;
#[cfg(feature = "processor")]
pub(crate) use processor::vectorised;
