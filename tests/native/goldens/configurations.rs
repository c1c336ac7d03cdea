//! Networks that no fixture has, against the twins.

use ddpm::graph::unet;
use ddpm::ops::Network;
use ddpm::spec::{BlockKind, DownsamplePadding, TimeConditioning, UNetSpec};

use BlockKind::{Attention, Plain};

use super::TOLERANCE;
use crate::compare::assert_max_abs;
use crate::gpu::{block_on, devices, name as device_name};
use crate::reference::Twin;
use crate::reference::random::{RandomParameters, normals};

/// Two levels, attention at the coarser one.
fn base() -> UNetSpec {
    UNetSpec {
        sample_size: [8, 8],
        in_channels: 3,
        out_channels: 3,
        block_out_channels: vec![8, 16],
        down_blocks: vec![Plain, Attention],
        up_blocks: vec![Attention, Plain],
        layers_per_block: 1,
        mid_attention: true,
        attn_norm_num_groups: None,
        attention_head_dim: None,
        norm_num_groups: 4,
        norm_eps: 1e-6,
        downsample_padding: DownsamplePadding::Asymmetric,
        flip_sin_to_cos: false,
        freq_shift: 1.0,
        time_embedding_dim: None,
        time_conditioning: TimeConditioning::Add,
        num_class_embeds: None,
        dropout: 0.0,
    }
}

fn check(name: &str, spec: &UNetSpec) {
    let graph = unet::describe(spec, spec.sample_size).expect(name);
    let parameters = RandomParameters::new(&graph, 3);
    let timesteps = [3, 777];
    let labels = graph.num_classes.map(|classes| [classes - 1, 0]);
    let labels = labels.as_ref().map(|labels| labels.as_slice());
    let elements = spec.in_channels * spec.sample_size[0] * spec.sample_size[1];
    let x = normals(4, 2 * elements as usize, 0.0, 1.0);
    let want = Twin::new(&graph, &parameters).predict(&x, &timesteps, labels);
    for gpu in devices() {
        let network = Network::new(gpu, &graph, &parameters, 2).expect(name);
        let found = block_on(network.predict(gpu, &x, &timesteps, labels)).expect(name);
        assert_max_abs(&format!("{name}, {}", device_name(gpu)), &found, &want, TOLERANCE);
    }
}

#[test]
fn sizes() {
    check("rectangular", &UNetSpec { sample_size: [16, 24], ..base() });
    check(
        "64 × 64",
        &UNetSpec { sample_size: [64, 64], down_blocks: vec![Plain; 2], up_blocks: vec![Plain; 2], ..base() },
    );
    let one_pixel = UNetSpec { sample_size: [2, 2], ..base() };
    check("down to one pixel", &one_pixel);
}

#[test]
fn channels_and_levels() {
    check("1 channel a group", &UNetSpec { block_out_channels: vec![8, 8], norm_num_groups: 8, ..base() });
    check("2 channels a group", &UNetSpec { norm_num_groups: 4, block_out_channels: vec![8, 8], ..base() });
    check("2 in, 4 out", &UNetSpec { in_channels: 2, out_channels: 4, ..base() });
    check("decreasing", &UNetSpec { block_out_channels: vec![24, 16], norm_num_groups: 8, ..base() });
    check(
        "channels not divisible by 4",
        &UNetSpec { block_out_channels: vec![6, 10], norm_num_groups: 2, ..base() },
    );
    let one_level = UNetSpec {
        sample_size: [5, 7],
        block_out_channels: vec![12],
        down_blocks: vec![Attention],
        up_blocks: vec![Attention],
        ..base()
    };
    check("one level", &one_level);
    let three_levels = UNetSpec {
        sample_size: [8, 12],
        block_out_channels: vec![8, 12, 16],
        down_blocks: vec![Attention; 3],
        up_blocks: vec![Attention; 3],
        layers_per_block: 2,
        ..base()
    };
    check("three levels of attention", &three_levels);
}

#[test]
fn heads_of_attention() {
    check("heads of 4", &UNetSpec { attention_head_dim: Some(4), ..base() });
    check("heads of 8", &UNetSpec { attention_head_dim: Some(8), ..base() });
    let odd = UNetSpec { block_out_channels: vec![12, 24], attention_head_dim: Some(3), ..base() };
    check("heads of 3", &odd);
    check("no attention in the middle", &UNetSpec { mid_attention: false, ..base() });
    check("its own groups in the middle", &UNetSpec { attn_norm_num_groups: Some(2), ..base() });
}

#[test]
fn time_and_labels() {
    check("cosines first", &UNetSpec { flip_sin_to_cos: true, freq_shift: 0.0, ..base() });
    check("a narrow embedding", &UNetSpec { time_embedding_dim: Some(10), ..base() });
    check("symmetric", &UNetSpec { downsample_padding: DownsamplePadding::Symmetric, ..base() });
    check("classes", &UNetSpec { num_class_embeds: Some(5), ..base() });
    let scale_shift = UNetSpec { time_conditioning: TimeConditioning::ScaleShift, ..base() };
    check("scale and shift", &scale_shift);
    check(
        "scale and shift, groups in the middle",
        &UNetSpec { attn_norm_num_groups: Some(4), ..scale_shift.clone() },
    );
    let odd = UNetSpec {
        block_out_channels: vec![6, 10],
        norm_num_groups: 2,
        num_class_embeds: Some(3),
        ..scale_shift
    };
    check("scale and shift, odd channels, classes", &odd);
}
