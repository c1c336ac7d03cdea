//! The same layer in Burn, as its users write it: modules, fusion, auto-tune, automatic differentiation.

use burn::module::Param;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{GroupNorm, GroupNormConfig, PaddingConfig2d};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Tensor, TensorData};
use ddpm::checkpoint::Weights;
use ddpm::error::Result;

use crate::layers::{EPSILON, GROUPS, Kind, Layer};

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

impl Theirs {
    /// With the weights and inputs that ours has.
    pub fn new(device: &Device, layer: &Layer, weights: &Weights, [x, d_out]: [&[f32]; 2]) -> Result<Self> {
        let given = |values: &[f32], device: &Device| {
            Tensor::<4>::from_data(TensorData::new(values.to_vec(), layer.shape()), device)
        };
        let tracking = device.clone().autodiff();
        Ok(Self {
            device: device.clone(),
            plain: parts(device, layer, weights, given(x, device))?,
            tracked: parts(&tracking, layer, weights, given(x, &tracking).require_grad())?,
            d_out: given(d_out, &tracking),
        })
    }

    pub fn forward(&self, times: u32) {
        for _ in 0..times {
            self.plain.forward();
        }
        self.wait();
    }

    pub fn forward_and_backward(&self, times: u32) {
        for _ in 0..times {
            (self.tracked.forward() * self.d_out.clone()).sum().backward();
        }
        self.wait();
    }

    /// The output, and the gradients of the input and of the last weights.
    pub fn answers(&self) -> [Vec<f32>; 3] {
        let output = self.tracked.forward();
        let gradients = (output.clone() * self.d_out.clone()).sum().backward();
        let last = self.tracked.convolutions.last().expect("a convolution").weight.val();
        let values = |tensor: Tensor<4>| tensor.into_data().to_vec::<f32>().expect("f32");
        let gradient = |tensor: &Tensor<4>| tensor.grad(&gradients).map(values).unwrap_or_default();
        [values(output.clone().inner()), gradient(&self.tracked.x), gradient(&last)]
    }

    fn wait(&self) {
        self.device.sync().expect("Burn's device works");
    }
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
