//! `./build.sh bench`: this adapter's roof, the reference U-Net's step of sampling and of training, and PyTorch beside it
//! where it is. Medians of several runs, with their spread; FLOPs counted as direct convolutions, as `ddpm info` does.
//!
//! `DDPM_ADAPTER` chooses the adapter, `PYTHON` the Python that may have torch and diffusers.

mod measure;
mod pytorch;
mod roof;
mod sampling;
mod training;

use ddpm::checkpoint::folder;
use ddpm::gpu::GpuContext;
use ddpm::graph::unet;

/// A diffusers folder, so that PyTorch reads the same.
const MODEL: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/checkpoints/fashion-mnist-reference");

fn main() {
    let adapter = std::env::var("DDPM_ADAPTER").ok();
    let gpu = pollster::block_on(GpuContext::request(adapter.as_deref())).expect("an adapter");
    let checkpoint = folder::load(MODEL).expect("the reference model");
    let graph = unet::describe(&checkpoint.unet, checkpoint.unet.sample_size).expect("a U-Net");
    let gflop = graph.flops() as f64 / 1e9;
    println!("adapter: {} ({}), {:?}", gpu.adapter().name, gpu.adapter().driver, gpu.tile());
    println!("model: {} parameters, {gflop:.3} GFLOP a picture and step\n", graph.num_parameters());

    let roof = roof::matmul(&gpu);
    println!(
        "roof: {:.2} GFLOP/s, {} of a 512 x 512 matrix with {} rows\n",
        roof.gflops,
        roof.tile,
        roof::ROWS
    );

    println!(
        "| sampling, pictures | s a step | spread | GFLOP/s | of the roof | encoding, ms a step | dispatches |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for batch in [1, 4, 16] {
        println!("{}", sampling::row(&gpu, &checkpoint, batch, gflop, roof.gflops));
    }
    println!("\n| training, pictures | s a step | spread | pictures/s | GFLOP/s | of the roof |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for batch in [4, 16] {
        println!("{}", training::row(&gpu, &checkpoint, batch, gflop, roof.gflops));
    }
    println!("\n{}", pytorch::table(MODEL, gflop));
}
