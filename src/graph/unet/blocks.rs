//! The two blocks a U-Net is made of: the ResNet block and self-attention.

use super::Projection;
use super::builder::{Builder, ConvOptions};
use crate::graph::{Op, TensorId};
use crate::spec::UNetSpec;

/// Name and output channels of every ResNet block, in the order of execution.
pub(super) fn resnet_channels(spec: &UNetSpec) -> Vec<(String, u32)> {
    let levels = spec.block_out_channels.len();
    let mut blocks = Vec::new();
    for level in 0..levels {
        for layer in 0..spec.layers_per_block {
            blocks.push((format!("down_blocks.{level}.resnets.{layer}"), spec.block_out_channels[level]));
        }
    }
    for layer in 0..2 {
        blocks.push((format!("mid_block.resnets.{layer}"), spec.block_out_channels[levels - 1]));
    }
    for level in 0..levels {
        for layer in 0..=spec.layers_per_block {
            let channels = spec.block_out_channels[levels - 1 - level];
            blocks.push((format!("up_blocks.{level}.resnets.{layer}"), channels));
        }
    }
    blocks
}

/// Describes blocks; hands each ResNet block its projection of the time embedding.
pub(super) struct Blocks<'a> {
    pub(super) spec: &'a UNetSpec,
    pub(super) time: Vec<Projection>,
    pub(super) next_projection: usize,
}

impl Blocks<'_> {
    /// out = shortcut(x) + conv2(silu(norm2(conv1(silu(norm1(x))) + time))), x the concatenation of `x`.
    pub(super) fn resnet(&mut self, b: &mut Builder, name: &str, x: &[TensorId], channels: u32) -> TensorId {
        let spec = self.spec;
        let projection = self.time[self.next_projection];
        self.next_projection += 1;
        let (groups, eps) = (spec.norm_num_groups, spec.norm_eps);

        let normed = b.group_norm(&format!("{name}.norm1"), x, groups, eps, None, true, 0.0);
        let (add_embedding, scale_shift) = match projection {
            Projection::Add(segment) => (Some(segment), None),
            Projection::ScaleShift(segments) => (None, Some(segments)),
        };
        let options = ConvOptions { add_embedding, ..ConvOptions::default() };
        let hidden = b.conv_with(&[&format!("{name}.conv1")], &[normed], &[channels], 3, options);
        let normed =
            b.group_norm(&format!("{name}.norm2"), &[hidden], groups, eps, scale_shift, true, spec.dropout);

        let in_channels: u32 = x.iter().map(|&id| b.graph.tensor(id).channels()).sum();
        let shortcut = match x {
            [x] if in_channels == channels => *x,
            _ => b.conv(&format!("{name}.conv_shortcut"), x, channels, 1),
        };
        let options = ConvOptions { residual: Some(shortcut), ..ConvOptions::default() };
        b.conv_with(&[&format!("{name}.conv2")], &[normed], &[channels], 3, options)
    }

    /// out = x + to_out(attention(to_q, to_k, to_v of norm(x))); `groups` is `None` where there is no norm.
    pub(super) fn attention(
        &mut self,
        b: &mut Builder,
        name: &str,
        x: TensorId,
        groups: Option<u32>,
    ) -> TensorId {
        let (size, channels) = (b.size(x), b.graph.tensor(x).channels());
        let head_dim = self.spec.attention_head_dim.unwrap_or(channels);
        let heads = channels / head_dim;
        let normed = match groups {
            Some(groups) => {
                let eps = self.spec.norm_eps;
                b.group_norm(&format!("{name}.group_norm"), &[x], groups, eps, None, false, 0.0)
            }
            None => x,
        };
        let layers = ["to_q", "to_k", "to_v"].map(|layer| format!("{name}.{layer}"));
        let layers = layers.each_ref().map(String::as_str);
        let segments = vec![head_dim; 3 * heads as usize];
        let qkv = b.conv_with(&layers, &[normed], &segments, 1, ConvOptions::default());
        let mixed = b.tensor(&format!("{name}.attention"), size, vec![head_dim; heads as usize]);
        b.graph.ops.push(Op::Attention { qkv, heads, head_dim, out: mixed });
        let options = ConvOptions { residual: Some(x), ..ConvOptions::default() };
        b.conv_with(&[&format!("{name}.to_out.0")], &[mixed], &[channels], 1, options)
    }
}
