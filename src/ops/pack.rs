//! Weights from the checkpoint's order into the kernels': channels where the padded activations have them.

use crate::error::{Error, Result};
use crate::graph::{Affine, Graph, Parameters, TensorId};

/// Where a layer's input and output channels lie in memory.
pub(super) struct Channels {
    /// For each float of an input pixel (all sources in order): its channel, or `None` for padding.
    pub(super) input: Vec<Option<usize>>,
    /// For each float of an output pixel: its channel.
    pub(super) output: Vec<Option<usize>>,
}

impl Channels {
    /// Of a layer from the concatenation of `x` to `out`.
    pub(super) fn of(graph: &Graph, x: &[TensorId], out: TensorId) -> Self {
        Self { input: concatenated(graph, x), output: concatenated(graph, &[out]) }
    }
}

/// The channel maps of `tensors`, one after the other.
pub(super) fn concatenated(graph: &Graph, tensors: &[TensorId]) -> Vec<Option<usize>> {
    let mut map = Vec::new();
    let mut before = 0;
    for &id in tensors {
        let tensor = graph.tensor(id);
        map.extend(tensor.channel_map().into_iter().map(|c| c.map(|c| before + c as usize)));
        before += tensor.channels() as usize;
    }
    map
}

/// The values of a parameter, checked against the graph's shape.
pub(super) fn read(
    graph: &Graph,
    parameters: &dyn Parameters,
    id: crate::graph::ParamId,
) -> Result<Vec<f32>> {
    let param = graph.param(id);
    let values = parameters.read(&param.name)?;
    let expected: usize = param.shape.iter().product();
    if values.len() != expected {
        let found = values.len();
        return Err(Error::load(format!("{}: expected {expected} elements, found {found}", param.name)));
    }
    Ok(values.into_owned())
}

/// `[taps][input float][output float]`, the output padded to `out_width` floats, of stacked layers whose
/// parameters are `[out, in, taps]`.
pub(super) fn weights(
    graph: &Graph,
    parameters: &dyn Parameters,
    layers: &[Affine],
    channels: &Channels,
    taps: usize,
    out_width: usize,
) -> Result<Vec<f32>> {
    let inputs = channels.input.iter().flatten().count();
    let mut packed = vec![0.0; taps * channels.input.len() * out_width];
    let mut position_of_output = Vec::new();
    position_of_output.extend((0..channels.output.len()).filter(|&p| channels.output[p].is_some()));
    let mut first_output = 0;
    for layer in layers {
        let values = read(graph, parameters, layer.weight)?;
        let outputs = graph.param(layer.weight).shape[0];
        for (o, row) in values.chunks_exact(inputs * taps).enumerate() {
            let out_position = position_of_output[first_output + o];
            for (in_position, channel) in channels.input.iter().enumerate() {
                let Some(channel) = channel else { continue };
                for (tap, value) in row[channel * taps..(channel + 1) * taps].iter().enumerate() {
                    packed[(tap * channels.input.len() + in_position) * out_width + out_position] = *value;
                }
            }
        }
        first_output += outputs;
    }
    Ok(packed)
}

/// The stacked layers' biases, padded as the output.
pub(super) fn biases(
    graph: &Graph,
    parameters: &dyn Parameters,
    layers: &[Affine],
    channels: &Channels,
) -> Result<Vec<f32>> {
    let mut values = Vec::new();
    for layer in layers {
        values.extend(read(graph, parameters, layer.bias)?);
    }
    Ok(channels.output.iter().map(|channel| channel.map_or(0.0, |c| values[c])).collect())
}
