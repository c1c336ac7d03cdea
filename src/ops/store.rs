//! A network's parameters on the GPU where training changes them: values, gradients, and what the optimiser keeps.
//!
//! All blocks lie in a few *banks*, so that zeroing, the norm and the optimiser's step are a dispatch a bank and not one a
//! parameter. Every array of a bank has the same layout; padding is zero in all of them and stays so.

use std::borrow::Cow;
use std::collections::HashMap;

use super::block::Block;
use super::recording::{TexelWeights, Weights};
use super::{class_embedding, conv2d, group_norm, linear};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, GpuContext, SLICE_WORDS, Tile};
use crate::graph::{Graph, Op, Parameters};

/// The most words in a bank: half of WebGPU's default limit for a binding.
const BANK_WORDS: u64 = 16 << 20;

/// One array of every bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Array {
    /// The parameters.
    Values,
    /// Their gradients.
    Gradients,
    /// Adam's moving average of the gradients.
    FirstMoment,
    /// Adam's moving average of their squares.
    SecondMoment,
    /// The moving average of the parameters.
    Average,
}

/// The arrays, one buffer each.
pub struct Bank {
    /// Words of each array.
    pub words: u64,
    buffers: Vec<Buffer>,
}

impl Bank {
    /// One of its arrays.
    ///
    /// # Panics
    /// If the store was made without what the optimiser keeps.
    pub fn array(&self, array: Array) -> &Buffer {
        &self.buffers[array as usize]
    }
}

struct Place {
    block: Block,
    bank: usize,
    first_word: u64,
}

/// All parameters of a network.
pub struct ParameterStore {
    banks: Vec<Bank>,
    places: Vec<Place>,
    by_label: HashMap<String, usize>,
}

impl ParameterStore {
    /// Uploads `parameters`. Gradients are zero; with `optimiser`, the moments too, and the average is the parameters.
    ///
    /// # Errors
    /// If a parameter is missing or misshapen, or a bank does not fit the adapter.
    pub fn new(
        gpu: &GpuContext,
        graph: &Graph,
        parameters: &dyn Parameters,
        optimiser: bool,
    ) -> Result<Self> {
        let (mut places, mut bank_words, mut by_label) = (Vec::new(), vec![0u64], HashMap::new());
        for block in graph.ops.iter().flat_map(|op| blocks(graph, op, gpu.tile())) {
            let words = (block.words as u64).next_multiple_of(SLICE_WORDS);
            let last = bank_words.last_mut().expect("at least one bank");
            if *last + words > BANK_WORDS && *last > 0 {
                bank_words.push(0);
            }
            let bank = bank_words.len() - 1;
            let first_word = bank_words[bank];
            bank_words[bank] += words;
            let earlier = by_label.insert(block.label.clone(), places.len());
            assert!(earlier.is_none(), "two blocks named {}", block.label);
            places.push(Place { block, bank, first_word });
        }
        let arrays: &[&str] = match optimiser {
            true => &["parameters", "gradients", "first moment", "second moment", "average"],
            false => &["parameters", "gradients"],
        };
        let mut banks = Vec::new();
        for words in bank_words {
            let buffers: Result<_> = arrays.iter().map(|name| gpu.buffer(name, words)).collect();
            banks.push(Bank { words, buffers: buffers? });
        }
        let store = Self { banks, places, by_label };
        store.write(gpu, graph, Array::Values, parameters)?;
        if optimiser {
            store.write(gpu, graph, Array::Average, parameters)?;
        }
        Ok(store)
    }

    /// The banks.
    pub fn banks(&self) -> &[Bank] {
        &self.banks
    }

    /// Overwrites one array with values by name.
    ///
    /// # Errors
    /// If one is missing or misshapen.
    pub fn write(
        &self,
        gpu: &GpuContext,
        graph: &Graph,
        array: Array,
        values: &dyn Parameters,
    ) -> Result<()> {
        for place in &self.places {
            let packed = place.block.pack(graph, values)?;
            gpu.write(&self.slice(place, array), bytemuck::cast_slice(&packed));
        }
        Ok(())
    }

    /// Reads one array back: `(name, elements in the checkpoint's order)` of every parameter that an operation reads, in the
    /// graph's order. Awaits the device: not for the loop.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn read(
        &self,
        gpu: &GpuContext,
        graph: &Graph,
        array: Array,
    ) -> Result<Vec<(String, Vec<f32>)>> {
        let mut banks: Vec<Vec<f32>> = Vec::new();
        for bank in &self.banks {
            banks.push(gpu.read(bank.array(array)).await?);
        }
        gpu.check()?;
        let mut values: Vec<Option<Vec<f32>>> = vec![None; graph.params.len()];
        for place in &self.places {
            let packed = &banks[place.bank][place.first_word as usize..][..place.block.words];
            for (id, elements) in place.block.unpack(graph, packed) {
                values[id.0] = Some(elements);
            }
        }
        let named = graph.params.iter().zip(values);
        Ok(named.filter_map(|(param, values)| Some((param.name.clone(), values?))).collect())
    }

    fn block(&self, block: &Block, array: Array) -> Buffer {
        self.slice(&self.places[self.by_label[&block.label]], array)
    }

    fn slice(&self, place: &Place, array: Array) -> Buffer {
        self.banks[place.bank].array(array).slice(place.first_word, place.block.words as u64)
    }
}

impl Weights for ParameterStore {
    fn buffer(&self, _: &GpuContext, _: &Graph, block: &Block) -> Result<Buffer> {
        Ok(self.block(block, Array::Values))
    }

    fn texels(&self, _: &GpuContext, _: &Graph, block: &Block) -> Result<TexelWeights> {
        Ok(TexelWeights::ToCopy(self.block(block, Array::Values)))
    }

    fn fixed_values(&self, _: &Graph, _: &Block) -> Result<Option<Vec<f32>>> {
        Ok(None)
    }

    fn gradients(&self, block: &Block) -> Option<Buffer> {
        Some(self.block(block, Array::Gradients))
    }
}

/// Values by name, as [`ParameterStore::read`] gives them, for what takes [`Parameters`].
pub struct Named<'a>(pub HashMap<&'a str, &'a [f32]>);

impl Parameters for Named<'_> {
    fn read(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        let values = self.0.get(name).ok_or_else(|| Error::load(format!("no parameter {name}")))?;
        Ok(Cow::Borrowed(*values))
    }
}

/// The blocks of parameters that an operation reads.
fn blocks(graph: &Graph, op: &Op, tile: Tile) -> Vec<Block> {
    match op {
        Op::TimestepEmbedding { .. } | Op::Attention { .. } => vec![],
        Op::ClassEmbedding { x, table, .. } => vec![class_embedding::block(graph, *x, *table)],
        Op::Linear { x, layers, out, .. } => linear::blocks(graph, *x, layers, *out).into(),
        Op::Conv2d(conv) => conv2d::blocks(graph, conv, tile).into(),
        Op::GroupNorm { layer, .. } => vec![group_norm::block(graph, *layer)],
    }
}
