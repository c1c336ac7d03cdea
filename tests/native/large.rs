//! A network of ddpm-cifar10-32's full shape, 35.7 M parameters, within WebGPU's default limits.

use ddpm::gpu::{Algorithm, GpuContext, Method, Methods, Tile};
use ddpm::graph::unet;
use ddpm::ops::tuning::{Measured, Timing, choose, chosen_methods, transformed_budget};
use ddpm::ops::{self, Network};
use ddpm::spec::{BlockKind, DownsamplePadding, TimeConditioning, UNetSpec};

use super::gpu::{block_on, cpu, gpu};
use super::reference::random::RandomParameters;

fn spec() -> UNetSpec {
    let plain = BlockKind::Plain;
    UNetSpec {
        sample_size: [32, 32],
        in_channels: 3,
        out_channels: 3,
        block_out_channels: vec![128, 256, 256, 256],
        down_blocks: vec![plain, BlockKind::Attention, plain, plain],
        up_blocks: vec![plain, plain, BlockKind::Attention, plain],
        layers_per_block: 2,
        mid_attention: true,
        attn_norm_num_groups: None,
        attention_head_dim: None,
        norm_num_groups: 32,
        norm_eps: 1e-6,
        downsample_padding: DownsamplePadding::Asymmetric,
        flip_sin_to_cos: false,
        freq_shift: 1.0,
        time_embedding_dim: None,
        time_conditioning: TimeConditioning::Add,
        num_class_embeds: None,
        dropout: 0.1,
    }
}

#[test]
fn ddpm_cifar10_32_steps_within_default_limits_and_memory() {
    let graph = unet::describe(&spec(), [32, 32]).expect("a graph");
    assert_eq!(graph.num_parameters(), 35_746_307);
    let weight_bytes = graph.num_parameters() * 4;
    let parameters = RandomParameters::new(&graph, 9);
    let x = vec![0.25; 3 * 32 * 32];
    // The default limits, whatever this adapter offers; a GPU's tiles need the buffers, a CPU adapter's the textures.
    for tile in [Tile::Workgroup { size: 32 }, Tile::Registers] {
        let gpu = default_limits().with_tile(tile);
        let network = Network::new(&gpu, &graph, &parameters, 1).expect("within the limits");
        let bytes = gpu.counts().allocated_bytes;
        println!(
            "{tile:?}: {bytes} bytes on the GPU, {:.2} times the weights",
            bytes as f64 / weight_bytes as f64
        );
        assert!(bytes * 2 <= weight_bytes * 3, "{bytes} bytes for {weight_bytes} of weights");
        if tile == gpu_default() {
            let output = block_on(network.predict(&gpu, &x, &[500], None)).expect("a step");
            assert_eq!(output.len(), x.len());
            assert!(output.iter().all(|v| v.is_finite()) && output.iter().any(|&v| v != 0.0));
        }
    }
}

#[test]
fn ddpm_cifar10_32_steps_on_the_processor_within_two_and_a_half_times_its_weights() {
    let graph = unet::describe(&spec(), [32, 32]).expect("a graph");
    let weight_bytes = graph.num_parameters() * 4;
    let cpu = cpu().with_tile(cpu().tile());
    let network = Network::new(&cpu, &graph, &RandomParameters::new(&graph, 9), 1).expect("a network");
    let bytes = cpu.counts().allocated_bytes;
    println!("{bytes} bytes, {:.2} times the weights", bytes as f64 / weight_bytes as f64);
    assert!(bytes * 2 <= weight_bytes * 5, "{bytes} bytes for {weight_bytes} of weights");
    let output = block_on(network.predict(&cpu, &[0.25; 3 * 32 * 32], &[500], None)).expect("a step");
    assert!(output.iter().all(|v| v.is_finite()) && output.iter().any(|&v| v != 0.0));
}

#[test]
fn methods_that_were_measured_keep_a_network_within_two_and_a_half_times_its_weights() {
    let graph = unet::describe(&spec(), [32, 32]).expect("a graph");
    let weight_bytes = graph.num_parameters() * 4;
    let gpu = gpu().with_tile(Tile::Workgroup { size: 32 });
    // As if Winograd's algorithm were the faster everywhere.
    let measured: Vec<Measured> = chosen_methods(&gpu, &graph, 1)
        .into_iter()
        .map(|(shape, _)| {
            let timings = shape.methods(gpu.abilities()).into_iter().map(|method| Timing {
                method,
                seconds: if method.algorithm == Algorithm::Winograd { 1.0 } else { 2.0 },
            });
            Measured { shape, timings: timings.collect() }
        })
        .collect();
    let methods = choose(&graph, 1, &measured, transformed_budget(&graph));
    let is_winograd = |(_, method): &&(_, Method)| method.algorithm == Algorithm::Winograd;
    assert!(methods.iter().filter(is_winograd).count() > 10, "{methods:?}");
    let gpu = gpu.with_methods(Methods::Chosen(methods.into()));
    Network::new(&gpu, &graph, &RandomParameters::new(&graph, 9), 1).expect("a network");
    let bytes = gpu.counts().allocated_bytes;
    println!("{bytes} bytes on the GPU, {:.2} times the weights", bytes as f64 / weight_bytes as f64);
    assert!(bytes * 2 <= weight_bytes * 5, "{bytes} bytes for {weight_bytes} of weights");
}

fn gpu_default() -> Tile {
    gpu().tile()
}

/// A device that was asked for nothing beyond the defaults.
fn default_limits() -> GpuContext {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let wanted = gpu().adapter().name.clone();
    let adapters = block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let adapter = adapters.into_iter().find(|a| a.get_info().name == wanted).expect("the same adapter");
    let descriptor =
        wgpu::DeviceDescriptor { required_limits: wgpu::Limits::default(), ..Default::default() };
    let (device, queue) = block_on(adapter.request_device(&descriptor)).expect("a device");
    GpuContext::from_device(&adapter, device, queue)
}

#[test]
fn the_listed_kernels_are_all_that_a_network_compiles() {
    let mut spec = spec();
    spec.block_out_channels = vec![8, 16, 16, 136];
    spec.norm_num_groups = 4;
    spec.num_class_embeds = Some(3);
    let graph = unet::describe(&spec, [32, 32]).expect("a graph");
    for tile in [Tile::Naive, Tile::Workgroup { size: 64 }, Tile::Registers] {
        let gpu = gpu().with_tile(tile);
        for key in ops::kernels(&graph, tile) {
            block_on(gpu.compile_and_wait(key)).expect("a kernel");
        }
        let compiled = gpu.counts().pipelines;
        Network::new(&gpu, &graph, &RandomParameters::new(&graph, 1), 2).expect("a network");
        assert_eq!(gpu.counts().pipelines, compiled, "{tile:?}");
    }
}
