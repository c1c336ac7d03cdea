//! Features of pictures by a network that its user has as an ONNX file.

use std::path::Path;

use fast_image_resize::pixels::F32x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions};
use rten::{DataType, Dimension, Model, NodeId, Value, ValueType};
use rten_tensor::prelude::*;

use super::model_file;
use crate::dataset::files::resampled;
use crate::error::{Error, Result};

/// Pictures in a batch where the network takes any number.
const BATCH: usize = 16;
/// BT.709's weights of red, green and blue.
const LUMA: [f32; 3] = [0.2126, 0.7152, 0.0722];
/// The mean and the standard deviation of ImageNet's pictures, on \[0, 1\].
const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

/// The values that a network takes for black and white.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValueRange {
    /// 0 to 255.
    Bytes,
    /// 0 to 1, as `pytorch-fid`'s Inception.
    #[default]
    Unit,
    /// −1 to 1.
    Signed,
    /// 0 to 1, less ImageNet's mean, by its standard deviation; of a grey input the means of both.
    ImageNet,
}

impl ValueRange {
    /// What channel `channel` of `channels` has for `value`, which is 0 to 255.
    fn map(self, value: f32, channel: usize, channels: usize) -> f32 {
        match self {
            Self::Bytes => value,
            Self::Unit => value / 255.0,
            Self::Signed => value / 127.5 - 1.0,
            Self::ImageNet => {
                let of = |table: [f32; 3]| match channels {
                    1 => table.iter().sum::<f32>() / 3.0,
                    _ => table[channel],
                };
                (value / 255.0 - of(IMAGENET.0)) / of(IMAGENET.1)
            }
        }
    }
}

/// A network from pictures to features: its first input is f32 `[N, 3, H, W]` or `[N, 1, H, W]`, its first output the
/// features, `[N, …]`, which are flattened.
///
/// Pictures are resized (bilinear, as PyTorch's `interpolate` without `antialias` and `align_corners`) if H and W are
/// fixed. N may be fixed too: the last batch is then filled up, and what that gives forgotten.
pub struct FeatureNetwork {
    name: String,
    model: Model,
    input: NodeId,
    output: NodeId,
    /// 1 or 3.
    channels: usize,
    /// N, H and W, where they are fixed.
    fixed: [Option<usize>; 3],
    range: ValueRange,
}

impl FeatureNetwork {
    /// Reads the ONNX file `path`, whose name ends in `.onnx`; weights that it keeps in files beside it too.
    ///
    /// # Errors
    /// If it is none, has an operator that is not known, or not such an input.
    pub fn load(path: &Path, range: ValueRange) -> Result<Self> {
        let name = path.display().to_string();
        let refused = |expected: &str, found: String| {
            Err(Error::load(format!("{name}: expected {expected}, found {found}")))
        };
        if path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("onnx")) {
            return refused("a name that ends in .onnx", "another".to_owned());
        }
        let is_model = model_file::is_model(path)
            .map_err(|error| Error::load(format!("{name}: cannot be read ({error})")))?;
        if !is_model {
            return refused("a network as an ONNX file", "something else, or a part of one".to_owned());
        }
        let model = Model::load_file(path)
            .map_err(|error| Error::load(format!("{name}: expected a network as an ONNX file ({error})")))?;
        let (&[input], Some(&output)) = (model.input_ids(), model.output_ids().first()) else {
            let found = format!("{} and {}", model.input_ids().len(), model.output_ids().len());
            return refused("a network with one input and an output at least", found);
        };
        let node = model.node_info(input);
        let expected = "an input of f32 [N, 3, H, W] or [N, 1, H, W]";
        match node.as_ref().and_then(rten::NodeInfo::dtype) {
            Some(ValueType::Tensor(DataType::Float)) | None => {}
            Some(other) => return refused(expected, format!("one of {other}")),
        }
        let shape = node.and_then(|node| node.shape()).unwrap_or_default();
        let fixed = |ix: usize| match shape.get(ix) {
            Some(&Dimension::Fixed(side)) => Some(side),
            _ => None,
        };
        let fixed_sides = [0, 2, 3].map(fixed);
        let channels = fixed(1).unwrap_or(3);
        let possible = matches!(shape.len(), 0 | 4) && matches!(channels, 1 | 3);
        if !possible || fixed_sides.into_iter().flatten().any(|side| !(1..=1 << 16).contains(&side)) {
            let sides = shape.iter().map(|side| match side {
                Dimension::Fixed(side) => side.to_string(),
                Dimension::Symbolic(name) => name.clone(),
            });
            return refused(expected, format!("one of [{}]", sides.collect::<Vec<_>>().join(", ")));
        }
        Ok(Self { name, input, output, channels, fixed: fixed_sides, range, model })
    }

    /// Pictures to compute together.
    pub fn batch(&self) -> usize {
        self.fixed[0].unwrap_or(BATCH)
    }

    /// The features of `pictures` (`[n, H, W, 3]`, with `size` H and W; n at most a batch): `[n, D]`.
    ///
    /// # Errors
    /// If the network cannot take them, or what it gives is not finite or none of as many pictures.
    ///
    /// # Panics
    /// If the pictures are not whole, none, or too many.
    pub fn features(&self, pictures: &[u8], size: [u32; 2]) -> Result<Vec<f32>> {
        let elements = size[0] as usize * size[1] as usize * 3;
        let count = pictures.len() / elements;
        assert!(
            pictures.len() == count * elements && (1..=self.batch()).contains(&count),
            "1 to a batch, whole"
        );
        let [height, width] = self.input_size(size);
        let rows = self.fixed[0].unwrap_or(count);
        let mut values = Vec::with_capacity(rows * self.channels * height * width);
        for picture in pictures.chunks_exact(elements) {
            self.push_planes(&resized(picture, size, [height as u32, width as u32])?, &mut values);
        }
        values.resize(rows * self.channels * height * width, 0.0);
        let failed = |why: String| Error::input(format!("{}: {why}", self.name));
        let input = Value::from_shape(&[rows, self.channels, height, width], values)
            .map_err(|error| failed(format!("the pictures cannot be put in ({error})")))?;
        let [output] =
            self.model.run_n(vec![(self.input, input.into())], [self.output], None).map_err(|error| {
                failed(format!("pictures of {width} x {height} cannot be put through ({error})"))
            })?;
        let Some(output) = output.as_tensor_view::<f32>() else {
            return Err(failed("expected features of f32, found others".to_owned()));
        };
        let shape = output.shape().to_vec();
        if shape.first() != Some(&rows) || shape.contains(&0) {
            return Err(failed(format!("expected features of {rows} pictures, found {shape:?}")));
        }
        let mut features = output.to_vec();
        features.truncate(features.len() / rows * count);
        match features.iter().find(|value| !value.is_finite()) {
            Some(found) => Err(failed(format!("expected finite features, found {found}"))),
            None => Ok(features),
        }
    }

    /// H and W of the pictures that are put in, where those there have `size`.
    fn input_size(&self, size: [u32; 2]) -> [usize; 2] {
        [0, 1].map(|ix| self.fixed[1 + ix].unwrap_or(size[ix] as usize))
    }

    /// Adds `picture` (`[H, W, 3]`, 0 to 255) to `values` as `[C, H, W]`, in the range asked for.
    fn push_planes(&self, picture: &[f32], values: &mut Vec<f32>) {
        let pixels = picture.chunks_exact(3);
        if self.channels == 1 {
            let luma = |rgb: &[f32]| rgb.iter().zip(LUMA).map(|(value, weight)| value * weight).sum();
            values.extend(pixels.map(|rgb| self.range.map(luma(rgb), 0, 1)));
        } else {
            for channel in 0..3 {
                values.extend(pixels.clone().map(|rgb| self.range.map(rgb[channel], channel, 3)));
            }
        }
    }
}

/// `picture` (`[H, W, 3]`, with `from` H and W) as f32 with `to` H and W.
fn resized(picture: &[u8], from: [u32; 2], to: [u32; 2]) -> Result<Vec<f32>> {
    let values: Vec<f32> = picture.iter().map(|&byte| f32::from(byte)).collect();
    if from == to {
        return Ok(values);
    }
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Interpolation(FilterType::Bilinear));
    resampled::<F32x3>(bytemuck::cast_slice(&values), from, to, &options)
}
