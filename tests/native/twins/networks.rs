//! Whole U-Nets, as small as they come.

use ddpm::graph::unet;
use ddpm::spec::{BlockKind, DownsamplePadding, TimeConditioning, UNetSpec};

use BlockKind::{Attention, Plain};

use super::finite_differences::Case;

/// Two levels, attention at the coarser one.
fn base() -> UNetSpec {
    UNetSpec {
        sample_size: [4, 6],
        in_channels: 2,
        out_channels: 2,
        block_out_channels: vec![4, 6],
        down_blocks: vec![Plain, Attention],
        up_blocks: vec![Attention, Plain],
        layers_per_block: 1,
        mid_attention: true,
        attn_norm_num_groups: None,
        attention_head_dim: None,
        norm_num_groups: 2,
        // Large, as in the tests of group_norm.
        norm_eps: 0.01,
        downsample_padding: DownsamplePadding::Asymmetric,
        flip_sin_to_cos: false,
        freq_shift: 1.0,
        time_embedding_dim: Some(6),
        time_conditioning: TimeConditioning::Add,
        num_class_embeds: None,
        dropout: 0.0,
    }
}

fn check(name: &str, spec: &UNetSpec) {
    let graph = unet::describe(spec, spec.sample_size).expect(name);
    let training = (spec.dropout > 0.0).then_some((9, 1000));
    let case = Case::new(name.to_owned(), graph, 2);
    Case { directions: 1, elements: 2, training, ..case }.check();
}

#[test]
fn asymmetric() {
    check("the default", &base());
}

#[test]
fn symmetric_with_classes_and_dropout() {
    let spec = UNetSpec {
        downsample_padding: DownsamplePadding::Symmetric,
        num_class_embeds: Some(3),
        dropout: 0.3,
        ..base()
    };
    check("symmetric, classes, dropout", &spec);
}

#[test]
fn scale_and_shift_with_heads() {
    let spec = UNetSpec {
        time_conditioning: TimeConditioning::ScaleShift,
        attention_head_dim: Some(2),
        attn_norm_num_groups: Some(2),
        layers_per_block: 2,
        dropout: 0.1,
        ..base()
    };
    check("scale and shift, heads of 2, dropout", &spec);
}
