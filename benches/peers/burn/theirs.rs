//! The layer in Burn, as its users write it: modules, automatic differentiation; on adapters also fusion and auto-tune.

use beside::{EPSILON, GROUPS, Kind, Layer, Peer};
use burn::module::Param;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{GroupNorm, GroupNormConfig, PaddingConfig2d};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Tensor, TensorData};
use ddpm::checkpoint::Weights;
use ddpm::error::Result;
use ddpm::gpu::GpuContext;

struct Parts {
    norms: Vec<GroupNorm>,
    convolutions: Vec<Conv2d>,
    x: Tensor<4>,
}

pub struct Theirs {
    device: Device,
    plain: Parts,
    tracked: Parts,
    d_out: Tensor<4>,
}

impl Peer for Theirs {
    const CRATE: &'static str = "burn";
    const BACKWARD: bool = true;
    const ADAPTERS: bool = cfg!(feature = "burn-wgpu");

    fn device(gpu: &GpuContext) -> String {
        format!("{:?}", device(gpu))
    }

    fn new(gpu: &GpuContext, layer: &Layer, weights: &Weights, [x, d_out]: [&[f32]; 2]) -> Result<Self> {
        let given = |values: &[f32], device: &Device| {
            Tensor::<4>::from_data(TensorData::new(values.to_vec(), layer.shape()), device)
        };
        let device = device(gpu);
        let tracking = device.clone().autodiff();
        Ok(Self {
            plain: parts(&device, layer, weights, given(x, &device))?,
            tracked: parts(&tracking, layer, weights, given(x, &tracking).require_grad())?,
            d_out: given(d_out, &tracking),
            device,
        })
    }

    fn forward(&self, times: u32) -> Result<()> {
        for _ in 0..times {
            self.plain.forward();
        }
        self.wait();
        Ok(())
    }

    fn forward_and_backward(&self, times: u32) -> Result<()> {
        for _ in 0..times {
            (self.tracked.forward() * self.d_out.clone()).sum().backward();
        }
        self.wait();
        Ok(())
    }

    fn answers(&self) -> Result<Vec<Vec<f32>>> {
        let output = self.tracked.forward();
        let gradients = (output.clone() * self.d_out.clone()).sum().backward();
        let last = self.tracked.convolutions.last().expect("a convolution").weight.val();
        let values = |tensor: Tensor<4>| tensor.into_data().to_vec::<f32>().expect("f32");
        let gradient = |tensor: &Tensor<4>| tensor.grad(&gradients).map(values).unwrap_or_default();
        Ok(vec![values(output.clone().inner()), gradient(&self.tracked.x), gradient(&last)])
    }
}

impl Theirs {
    fn wait(&self) {
        self.device.sync().expect("Burn's device works");
    }
}

/// Burn's device where ours is `gpu`: its CPU backend beside the processor, or else what wgpu reaches.
#[cfg(feature = "burn-wgpu")]
fn device(gpu: &GpuContext) -> Device {
    use burn::tensor::DeviceKind;
    match (gpu.processor(), gpu.adapter().cpu) {
        (Some(_), _) => Device::flex(),
        (None, true) => Device::wgpu(DeviceKind::Cpu),
        (None, false) => Device::wgpu(DeviceKind::DefaultDevice),
    }
}

/// Burn's CPU backend.
#[cfg(not(feature = "burn-wgpu"))]
fn device(_: &GpuContext) -> Device {
    Device::flex()
}

impl Parts {
    fn forward(&self) -> Tensor<4> {
        let mut x = self.x.clone();
        for (norm, convolution) in self.norms.iter().zip(&self.convolutions) {
            x = convolution.forward(silu(norm.forward(x)));
        }
        if self.norms.is_empty() { self.convolutions[0].forward(x) } else { x + self.x.clone() }
    }
}

fn parts(device: &Device, layer: &Layer, weights: &Weights, x: Tensor<4>) -> Result<Parts> {
    let (names, norm_names): (&[&str], &[&str]) = match layer.kind {
        Kind::Convolution => (&["last"], &[]),
        Kind::Block => (&["conv1", "last"], &["norm1", "norm2"]),
    };
    let channels = layer.channels as usize;
    let vector = |name: String| -> Result<Param<Tensor<1>>> {
        let data = TensorData::new(weights.get(&name)?.into_owned(), [channels]);
        Ok(Param::from_tensor(Tensor::from_data(data, device)))
    };
    let mut convolutions = Vec::new();
    for name in names {
        let config = Conv2dConfig::new([channels, channels], [3, 3])
            .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1));
        let mut convolution = config.init(device);
        let data =
            TensorData::new(weights.get(&format!("{name}.weight"))?.into_owned(), [channels, channels, 3, 3]);
        convolution.weight = Param::from_tensor(Tensor::from_data(data, device));
        convolution.bias = Some(vector(format!("{name}.bias"))?);
        convolutions.push(convolution);
    }
    let mut norms = Vec::new();
    for name in norm_names {
        let mut norm =
            GroupNormConfig::new(GROUPS as usize, channels).with_epsilon(f64::from(EPSILON)).init(device);
        norm.gamma = Some(vector(format!("{name}.weight"))?);
        norm.beta = Some(vector(format!("{name}.bias"))?);
        norms.push(norm);
    }
    Ok(Parts { norms, convolutions, x })
}
