//! The layer in candle, as its users write it: candle-nn's modules.

use beside::{EPSILON, GROUPS, Kind, Layer, Peer};
use candle_core::{Device, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, GroupNorm, Module};
use ddpm::checkpoint::Weights;
use ddpm::error::{Error, Result};
use ddpm::gpu::GpuContext;

pub struct Theirs {
    norms: Vec<GroupNorm>,
    convolutions: Vec<Conv2d>,
    x: Tensor,
}

impl Peer for Theirs {
    const CRATE: &'static str = "candle-core";
    const BACKWARD: bool = false;
    const ADAPTERS: bool = false;

    fn device(_: &GpuContext) -> String {
        format!("its CPU, {} threads", candle_core::utils::get_num_threads())
    }

    fn new(_: &GpuContext, layer: &Layer, weights: &Weights, [x, _]: [&[f32]; 2]) -> Result<Self> {
        let (names, norm_names): (&[&str], &[&str]) = match layer.kind {
            Kind::Convolution => (&["last"], &[]),
            Kind::Block => (&["conv1", "last"], &["norm1", "norm2"]),
        };
        let channels = layer.channels as usize;
        let tensor = |name: String, shape: &[usize]| -> Result<Tensor> {
            Tensor::from_slice(&weights.get(&name)?, shape, &Device::Cpu).map_err(broken)
        };
        let convolution = |name: &&str| -> Result<Conv2d> {
            let weight = tensor(format!("{name}.weight"), &[channels, channels, 3, 3])?;
            let bias = tensor(format!("{name}.bias"), &[channels])?;
            Ok(Conv2d::new(weight, Some(bias), Conv2dConfig { padding: 1, ..Default::default() }))
        };
        let norm = |name: &&str| -> Result<GroupNorm> {
            let weight = tensor(format!("{name}.weight"), &[channels])?;
            let bias = tensor(format!("{name}.bias"), &[channels])?;
            GroupNorm::new(weight, bias, channels, GROUPS as usize, f64::from(EPSILON)).map_err(broken)
        };
        Ok(Self {
            norms: norm_names.iter().map(norm).collect::<Result<_>>()?,
            convolutions: names.iter().map(convolution).collect::<Result<_>>()?,
            x: Tensor::from_slice(x, &layer.shape()[..], &Device::Cpu).map_err(broken)?,
        })
    }

    fn forward(&self, times: u32) -> Result<()> {
        // Computed where it is called.
        (0..times).try_for_each(|_| self.output().map(|_| ())).map_err(broken)
    }

    fn forward_and_backward(&self, _: u32) -> Result<()> {
        Err(Error::unsupported("candle: only forward is measured"))
    }

    fn answers(&self) -> Result<Vec<Vec<f32>>> {
        let output = self.output().and_then(|output| output.flatten_all()?.to_vec1()).map_err(broken)?;
        Ok(vec![output])
    }
}

impl Theirs {
    fn output(&self) -> candle_core::Result<Tensor> {
        let mut x = self.x.clone();
        for (norm, convolution) in self.norms.iter().zip(&self.convolutions) {
            x = convolution.forward(&norm.forward(&x)?.silu()?)?;
        }
        if self.norms.is_empty() { self.convolutions[0].forward(&x) } else { x + &self.x }
    }
}

fn broken(error: candle_core::Error) -> Error {
    Error::input(format!("candle: {error}"))
}
