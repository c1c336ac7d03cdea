//! Parameters as kernels read them: channels where the padded activations have them, layers stacked, rows padded.
//!
//! A [`Block`] is one run of floats on the GPU. It knows which element of which parameter each float is, so that the
//! same description packs a checkpoint for the kernels and brings trained values and gradients back.

use crate::error::{Error, Result};
use crate::graph::{Affine, Graph, ParamId, Parameters, TensorId};

/// One run of floats: parameters and the padding between their elements, which is zero.
#[derive(Clone)]
pub(super) struct Block {
    /// Its name on the GPU.
    pub(super) label: String,
    /// Floats, padding included.
    pub(super) words: usize,
    content: Content,
}

#[derive(Clone)]
enum Content {
    /// `[taps][input float][output float]` of stacked layers `[out, in, taps]`.
    Weights { layers: Vec<Affine>, input: ChannelMap, output: ChannelMap, taps: usize, out_width: usize },
    /// Stacked layers' biases where the outputs are.
    Biases { layers: Vec<Affine>, output: ChannelMap },
    /// γ, then β, without padding.
    Norm(Affine),
    /// `[row][float]` of a parameter `[rows, channels]`.
    Table { table: ParamId, row: ChannelMap },
}

/// For each float of a pixel of one or more tensors: its channel, or `None` for padding.
type ChannelMap = Vec<Option<usize>>;

/// The channel maps of `tensors`, one after the other.
pub(super) fn concatenated(graph: &Graph, tensors: &[TensorId]) -> ChannelMap {
    let mut map = Vec::new();
    let mut before = 0;
    for &id in tensors {
        let tensor = graph.tensor(id);
        map.extend(tensor.channel_map().into_iter().map(|c| c.map(|c| before + c as usize)));
        before += tensor.channels() as usize;
    }
    map
}

impl Block {
    /// `[taps][input float][output float]`, the output padded to `out_width` floats, of stacked layers from the
    /// concatenation of `x` to `out` whose parameters are `[out, in, taps]`.
    pub(super) fn weights(
        graph: &Graph,
        label: &str,
        layers: &[Affine],
        [x, out]: [&[TensorId]; 2],
        taps: u32,
        out_width: u32,
    ) -> Self {
        let (taps, out_width) = (taps as usize, out_width as usize);
        let (input, output) = (concatenated(graph, x), concatenated(graph, out));
        let words = taps * input.len() * out_width;
        let content = Content::Weights { layers: layers.to_vec(), input, output, taps, out_width };
        Self { label: format!("{label}.weight"), words, content }
    }

    /// The biases of stacked layers to `out`, padded as it is.
    pub(super) fn biases(graph: &Graph, label: &str, layers: &[Affine], out: TensorId) -> Self {
        let output = concatenated(graph, &[out]);
        let words = output.len();
        Self {
            label: format!("{label}.bias"),
            words,
            content: Content::Biases { layers: layers.to_vec(), output },
        }
    }

    /// γ, then β, of a norm over `channels` channels.
    pub(super) fn norm(graph: &Graph, label: &str, layer: Affine) -> Self {
        let words = 2 * elements(graph, layer.weight);
        Self { label: label.to_owned(), words, content: Content::Norm(layer) }
    }

    /// The rows of an embedding whose entries lie as the channels of `x`.
    pub(super) fn table(graph: &Graph, label: &str, table: ParamId, x: TensorId) -> Self {
        let row = concatenated(graph, &[x]);
        let words = graph.param(table).shape[0] * row.len();
        Self { label: label.to_owned(), words, content: Content::Table { table, row } }
    }

    /// The parameters it holds.
    pub(super) fn params(&self) -> Vec<ParamId> {
        match &self.content {
            Content::Weights { layers, .. } => layers.iter().map(|layer| layer.weight).collect(),
            Content::Biases { layers, .. } => layers.iter().map(|layer| layer.bias).collect(),
            Content::Norm(layer) => vec![layer.weight, layer.bias],
            Content::Table { table, .. } => vec![*table],
        }
    }

    /// The floats for the kernels.
    ///
    /// # Errors
    /// If a parameter is missing or has another number of elements than the graph says.
    pub(super) fn pack(&self, graph: &Graph, parameters: &dyn Parameters) -> Result<Vec<f32>> {
        let mut packed = vec![0.0; self.words];
        for (ix, id) in self.params().into_iter().enumerate() {
            let param = graph.param(id);
            let values = parameters.read(&param.name)?;
            let (expected, found) = (elements(graph, id), values.len());
            if found != expected {
                return Err(Error::load(format!(
                    "{}: expected {expected} elements, found {found}",
                    param.name
                )));
            }
            self.places(graph, ix, &mut |element, place| packed[place] = values[element]);
        }
        Ok(packed)
    }

    /// Each parameter's elements in the checkpoint's order, out of the floats of the kernels.
    pub(super) fn unpack(&self, graph: &Graph, packed: &[f32]) -> Vec<(ParamId, Vec<f32>)> {
        let params = self.params().into_iter().enumerate();
        params
            .map(|(ix, id)| {
                let mut values = vec![0.0; elements(graph, id)];
                self.places(graph, ix, &mut |element, place| values[element] = packed[place]);
                (id, values)
            })
            .collect()
    }

    /// Calls `f` with each element of the `ix`th of [`Self::params`] and its place among the floats.
    fn places(&self, graph: &Graph, ix: usize, f: &mut dyn FnMut(usize, usize)) {
        match &self.content {
            Content::Weights { layers, input, output, taps, out_width } => {
                let inputs = input.iter().flatten().count();
                for (o, out_place) in stacked_outputs(graph, layers, output, ix).into_iter().enumerate() {
                    for (in_place, channel) in input.iter().enumerate() {
                        let Some(channel) = channel else { continue };
                        for tap in 0..*taps {
                            let element = (o * inputs + channel) * taps + tap;
                            f(element, (tap * input.len() + in_place) * out_width + out_place);
                        }
                    }
                }
            }
            Content::Biases { layers, output } => {
                for (o, place) in stacked_outputs(graph, layers, output, ix).into_iter().enumerate() {
                    f(o, place);
                }
            }
            Content::Norm(layer) => {
                let channels = elements(graph, layer.weight);
                (0..channels).for_each(|c| f(c, ix * channels + c));
            }
            Content::Table { table, row } => {
                let [rows, channels] = graph.param(*table).shape[..] else { return };
                for n in 0..rows {
                    for (place, channel) in row.iter().enumerate() {
                        if let Some(channel) = channel {
                            f(n * channels + channel, n * row.len() + place);
                        }
                    }
                }
            }
        }
    }
}

/// Where the outputs of the `ix`th of stacked `layers` lie.
fn stacked_outputs(graph: &Graph, layers: &[Affine], output: &ChannelMap, ix: usize) -> Vec<usize> {
    let outputs = |layer: &Affine| elements(graph, layer.bias);
    let first: usize = layers[..ix].iter().map(outputs).sum();
    let places = (0..output.len()).filter(|&place| output[place].is_some());
    places.skip(first).take(outputs(&layers[ix])).collect()
}

fn elements(graph: &Graph, id: ParamId) -> usize {
    graph.param(id).shape.iter().product()
}
