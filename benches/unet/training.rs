//! A step of training: draws, forward, loss, backward, clipping, Adam and the moving average.

use ddpm::checkpoint::Checkpoint;
use ddpm::gpu::GpuContext;
use ddpm::spec::TrainSpec;
use ddpm::train::{TrainBatch, Trainer};

use super::measure::seconds;

/// Forward FLOPs times three: a gradient for the input and one for the weights of each product.
const PASSES: f64 = 3.0;

/// One line of the table: batches of `batch` pictures.
pub fn row(gpu: &GpuContext, checkpoint: &Checkpoint, batch: u32, gflop: f64, roof: f64) -> String {
    let spec = TrainSpec { batch_size: batch, micro_batch: batch, ..TrainSpec::default() };
    let mut trainer = Trainer::new(gpu, checkpoint, &spec).expect("a trainer");
    let [height, width] = checkpoint.unet.sample_size;
    let x_start = vec![0.25; (batch * checkpoint.unet.in_channels * height * width) as usize];
    let time = seconds(|steps| {
        for _ in 0..steps {
            trainer.train_step(&TrainBatch { x_start: &x_start, labels: None }).expect("a step");
        }
        gpu.wait();
    });
    let speed = PASSES * gflop * f64::from(batch) / time.median;
    format!(
        "| {batch} | {:.4} | {:.4} to {:.4} | {:.1} | {speed:.2} | {:.0} % |",
        time.median,
        time.least,
        time.most,
        f64::from(batch) / time.median,
        100.0 * speed / roof
    )
}
