//! Convolutions' weights on a processor: laid out once for the kernel's way, where training does not change them.

use super::{Conv2d, WeightsLayout};
use crate::error::Result;
use crate::gpu::{Buffer, Level};
use crate::ops::block::Block;
use crate::ops::host::{conv2d, winograd};
use crate::ops::recording::Recording;

/// Transformed weights are four times as large: beyond so many channels in times channels out they would take too much memory.
const MOST_QUADS: u32 = 32 * 32;

/// A layer's weights, and in `sizes` how they lie.
pub(super) fn layer_weights(
    r: &Recording<'_, '_>,
    level: Level,
    block: &Block,
    sizes: &mut Conv2d,
) -> Result<Buffer> {
    let Some(values) = r.fixed_values(block)? else {
        return r.block(block);
    };
    let few = (sizes.a_quads + sizes.b_quads) * sizes.out_quads <= MOST_QUADS;
    let (layout, packed) = match few && winograd::is_chosen(sizes) {
        true => (WeightsLayout::Winograd, winograd::pack(level, sizes, &values)),
        false => (WeightsLayout::Panels, conv2d::pack(level, sizes, &values)),
    };
    sizes.weights_layout = layout as u32;
    r.rec.gpu.buffer_with(&block.label, &packed)
}
