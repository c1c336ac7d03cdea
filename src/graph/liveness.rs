//! Which activations may share memory: two tensors share a storage when no operation needs both. In training none do.

use super::{Graph, TensorId};

/// Where each tensor of a graph lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// For every tensor, its storage; the network's input and output have their own.
    pub of_tensor: Vec<usize>,
    /// `vec4`s a sample of every storage.
    pub quads: Vec<u64>,
}

/// A storage for every tensor: what the backward pass needs.
pub fn separate_storage(graph: &Graph) -> Storage {
    let quads = graph.tensors.iter().map(|tensor| u64::from(tensor.pixels()) * u64::from(tensor.quads()));
    Storage { of_tensor: (0..graph.tensors.len()).collect(), quads: quads.collect() }
}

/// Assigns storages greedily, in the order of execution: a tensor takes the smallest free storage that is large
/// enough, or else grows the largest free one, or else opens a new one.
pub fn share_storage(graph: &Graph) -> Storage {
    let mut last_use = vec![0; graph.tensors.len()];
    for (op_ix, op) in graph.ops.iter().enumerate() {
        for tensor in op.inputs() {
            last_use[tensor.0] = op_ix;
        }
    }
    let pinned = [graph.input(), graph.output()];
    let size = |id: TensorId| u64::from(graph.tensor(id).pixels()) * u64::from(graph.tensor(id).quads());
    let mut storage = Storage { of_tensor: vec![usize::MAX; graph.tensors.len()], quads: Vec::new() };
    for id in pinned {
        storage.of_tensor[id.0] = storage.quads.len();
        storage.quads.push(size(id));
    }
    let mut free: Vec<usize> = Vec::new();
    for (op_ix, op) in graph.ops.iter().enumerate() {
        let out = op.out();
        if !pinned.contains(&out) {
            let need = size(out);
            let fits =
                free.iter().copied().filter(|&s| storage.quads[s] >= need).min_by_key(|&s| storage.quads[s]);
            let chosen = fits.or_else(|| free.iter().copied().max_by_key(|&s| storage.quads[s]));
            let slot = match chosen {
                Some(slot) => {
                    free.retain(|&s| s != slot);
                    storage.quads[slot] = storage.quads[slot].max(need);
                    slot
                }
                None => {
                    storage.quads.push(need);
                    storage.quads.len() - 1
                }
            };
            storage.of_tensor[out.0] = slot;
        }
        for id in op.inputs() {
            let slot = storage.of_tensor[id.0];
            if last_use[id.0] == op_ix && !pinned.contains(&id) && !free.contains(&slot) {
                free.push(slot);
            }
        }
    }
    storage
}
