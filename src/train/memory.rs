//! What training takes on the GPU, told from the graph before anything is made there.

use crate::error::{Error, Result};
use crate::gpu::{GpuContext, Tile};
use crate::graph::{Graph, Op, TensorId};
use crate::ops;

/// Bytes for each parameter: itself, its gradient, Adam's two moments and the average, four bytes each.
pub const BYTES_PER_PARAMETER: u64 = 20;

/// Bytes that training takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryEstimate {
    /// Whatever the micro-batch.
    pub fixed: u64,
    /// For each sample of the micro-batch.
    pub per_sample: u64,
    /// For each sample, in the largest single buffer.
    pub largest: u64,
}

impl MemoryEstimate {
    /// Of training `graph` on `gpu`. Padding, the sums that kernels leave to one another and the driver's own are not counted.
    pub fn new(graph: &Graph, gpu: &GpuContext) -> Self {
        let bytes = |id: TensorId| 4 * words(graph, id);
        let activations: u64 = (0..graph.tensors.len()).map(|ix| bytes(TensorId(ix))).sum();
        let scores = |op: &Op| match op {
            Op::Attention { qkv, heads, .. } => {
                let tokens = u64::from(graph.tensor(*qkv).pixels());
                4 * u64::from(*heads) * tokens * tokens.next_multiple_of(4)
            }
            _ => 0,
        };
        // Each attention keeps its weights, and their gradient needs as much again, one at a time.
        let kept: u64 = graph.ops.iter().map(scores).sum();
        let largest_scores = graph.ops.iter().map(scores).max().unwrap_or(0);
        // x_0 and the noise.
        let pictures = 2 * bytes(graph.input());
        let mut per_sample = activations + gradients(graph) + pictures + kept + largest_scores;
        let largest = (0..graph.tensors.len()).map(|ix| bytes(TensorId(ix))).max().unwrap_or(0);
        let as_texels = gpu.tile() == Tile::Registers;
        // Of convolutions by Winograd's algorithm.
        let [planes, weights] = ops::scratch_words(gpu, graph, 1).map(|words| 4 * words);
        per_sample += match as_texels {
            // An operation's input, or those planes, and its output's gradient as texels.
            true => planes + largest.max(planes) + largest + 2 * largest_scores,
            // What products read, and what they write.
            false => 2 * planes,
        };
        let fixed =
            BYTES_PER_PARAMETER * graph.num_parameters() + if as_texels { 2 * weights } else { weights };
        Self { fixed, per_sample, largest: largest.max(largest_scores) }
    }

    /// With a micro-batch of `samples`.
    pub fn bytes(&self, samples: u32) -> u64 {
        self.fixed + self.per_sample * u64::from(samples)
    }

    /// The largest divisor of `batch_size` that as a micro-batch fits `budget` bytes, and `buffer` bytes in each buffer.
    ///
    /// # Errors
    /// If not even one sample fits.
    pub fn micro_batch(&self, batch_size: u32, budget: u64, buffer: u64) -> Result<u32> {
        let fits = |samples: &u32| {
            batch_size.is_multiple_of(*samples)
                && self.bytes(*samples) <= budget
                && self.largest * u64::from(*samples) <= buffer
        };
        (1..=batch_size).rev().find(fits).ok_or_else(|| {
            Error::input(format!(
                "memory: expected {} MiB at least, and {} in one buffer, for micro-batches of 1, found limits of {} and {}",
                self.bytes(1).div_ceil(1 << 20),
                self.largest.div_ceil(1 << 20),
                budget >> 20,
                buffer >> 20
            ))
        })
    }
}

fn words(graph: &Graph, id: TensorId) -> u64 {
    let tensor = graph.tensor(id);
    u64::from(tensor.pixels()) * u64::from(tensor.quads()) * 4
}

/// Bytes a sample of all gradients' memory, taken as the backward pass takes it: a tensor's from the last operation that
/// reads it to the one that wrote it, each time the smallest free piece that is large enough.
fn gradients(graph: &Graph) -> u64 {
    let mut pieces: Vec<u64> = vec![words(graph, graph.output())];
    let mut free: Vec<usize> = Vec::new();
    let mut of_tensor: Vec<Option<usize>> = vec![None; graph.tensors.len()];
    of_tensor[graph.output().0] = Some(0);
    for op in graph.ops.iter().rev() {
        for id in op.inputs().into_iter().filter(|&id| id != graph.input()) {
            if of_tensor[id.0].is_some() {
                continue;
            }
            let need = words(graph, id);
            let fits = free.iter().copied().filter(|&piece| pieces[piece] >= need);
            let piece = fits.min_by_key(|&piece| pieces[piece]).unwrap_or_else(|| {
                pieces.push(need);
                pieces.len() - 1
            });
            free.retain(|&other| other != piece);
            of_tensor[id.0] = Some(piece);
        }
        free.extend(of_tensor[op.out().0].take());
    }
    4 * pieces.iter().sum::<u64>()
}
