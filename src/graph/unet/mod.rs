//! The U-Net of Ho et al. (appendix B) as diffusers' `UNet2DModel` has it, described once.
//!
//! conv_in → levels down, each `layers_per_block` ResNet blocks (with attention where the level has it) and a
//! stride-2 convolution → two ResNet blocks around attention → levels up, each reading the skips of its level by
//! concatenation, and an upsampling convolution → GroupNorm, SiLU, conv_out.

mod blocks;
mod builder;

use super::{Graph, Op, Segment, TensorId};
use crate::error::{Error, Result};
use crate::spec::{BlockKind, DownsamplePadding, TimeConditioning, UNetSpec};
use blocks::Blocks;
use builder::Builder;

/// Records the network of `spec` for pictures of `size` (height, width).
///
/// # Errors
/// If a side of `size` is not a positive multiple of 2^(levels − 1), or `spec`'s lists do not fit each other.
pub fn describe(spec: &UNetSpec, size: [u32; 2]) -> Result<Graph> {
    let multiple = spec.size_multiple();
    if size.iter().any(|&side| side == 0 || side % multiple != 0) {
        return Err(Error::input(format!(
            "pictures of {} x {} do not fit this network: height and width must be multiples of {multiple}",
            size[1], size[0]
        )));
    }
    let levels = spec.block_out_channels.len();
    if levels == 0 || spec.down_blocks.len() != levels || spec.up_blocks.len() != levels {
        return Err(Error::input(format!(
            "{levels} entries in block_out_channels, {} in down_block_types, {} in up_block_types: expected as many of each",
            spec.down_blocks.len(),
            spec.up_blocks.len()
        )));
    }
    let mut b = Builder::new();
    let x = b.tensor("sample", size, vec![spec.in_channels]);
    b.graph.x = Some(x);
    b.graph.num_classes = spec.num_class_embeds;

    // Every ResNet block needs its own projection of silu(embedding): one stacked linear layer makes them all.
    let embedding = time_embedding(&mut b, spec);
    let projections = blocks::resnet_channels(spec);
    let time = b.stacked_projections(embedding, &projections, spec.time_conditioning);
    let mut blocks = Blocks { spec, time, next_projection: 0 };

    let mut h = b.conv("conv_in", &[x], spec.block_out_channels[0], 3);
    let mut skips = vec![h];
    for level in 0..levels {
        let prefix = format!("down_blocks.{level}");
        let channels = spec.block_out_channels[level];
        for layer in 0..spec.layers_per_block {
            h = blocks.resnet(&mut b, &format!("{prefix}.resnets.{layer}"), &[h], channels);
            if spec.down_blocks[level] == BlockKind::Attention {
                let groups = Some(spec.norm_num_groups);
                h = blocks.attention(&mut b, &format!("{prefix}.attentions.{layer}"), h, groups);
            }
            skips.push(h);
        }
        if level + 1 < levels {
            let padding = match spec.downsample_padding {
                DownsamplePadding::Asymmetric => 0,
                DownsamplePadding::Symmetric => 1,
            };
            h = b.downsample(&format!("{prefix}.downsamplers.0.conv"), h, channels, padding);
            skips.push(h);
        }
    }

    let channels = spec.block_out_channels[levels - 1];
    h = blocks.resnet(&mut b, "mid_block.resnets.0", &[h], channels);
    if spec.mid_attention {
        let groups = match spec.time_conditioning {
            TimeConditioning::Add => spec.attn_norm_num_groups.or(Some(spec.norm_num_groups)),
            TimeConditioning::ScaleShift => spec.attn_norm_num_groups,
        };
        h = blocks.attention(&mut b, "mid_block.attentions.0", h, groups);
    }
    h = blocks.resnet(&mut b, "mid_block.resnets.1", &[h], channels);

    for level in 0..levels {
        let prefix = format!("up_blocks.{level}");
        let channels = spec.block_out_channels[levels - 1 - level];
        for layer in 0..=spec.layers_per_block {
            let skip = skips.pop().expect("as many skips as layers on the way up");
            h = blocks.resnet(&mut b, &format!("{prefix}.resnets.{layer}"), &[h, skip], channels);
            if spec.up_blocks[level] == BlockKind::Attention {
                let groups = Some(spec.norm_num_groups);
                h = blocks.attention(&mut b, &format!("{prefix}.attentions.{layer}"), h, groups);
            }
        }
        if level + 1 < levels {
            h = b.upsample(&format!("{prefix}.upsamplers.0.conv"), h, channels);
        }
    }

    h = b.group_norm("conv_norm_out", &[h], spec.norm_num_groups, spec.norm_eps, None, true, 0.0);
    let output = b.conv("conv_out", &[h], spec.out_channels, 3);
    b.graph.output = Some(output);
    Ok(b.graph)
}

/// emb = linear_2(silu(linear_1(sinusoids(t)))), plus the label's row.
fn time_embedding(b: &mut Builder, spec: &UNetSpec) -> TensorId {
    let sinusoids = b.tensor("time_proj", [1, 1], vec![spec.block_out_channels[0]]);
    b.graph.ops.push(Op::TimestepEmbedding {
        flip_sin_to_cos: spec.flip_sin_to_cos,
        freq_shift: spec.freq_shift,
        out: sinusoids,
    });
    let dim = spec.time_embed_dim();
    let hidden = b.linear("time_embedding.linear_1", sinusoids, false, dim);
    let mut embedding = b.linear("time_embedding.linear_2", hidden, true, dim);
    if let Some(labels) = spec.num_class_embeds {
        embedding = b.class_embedding("class_embedding", embedding, labels);
    }
    embedding
}

/// The segments of the stacked projections that belong to one ResNet block.
#[derive(Clone, Copy, Debug)]
enum Projection {
    Add(Segment),
    ScaleShift([Segment; 2]),
}
