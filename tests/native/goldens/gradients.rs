//! The gradients of whole U-Nets: the twins against diffusers and PyTorch.

use std::collections::BTreeMap;

use ddpm::gpu::GpuContext;

use super::Golden;
use crate::compare::{NETWORK_GRADIENTS, assert_close, assert_fails, assert_gradients_close};
use crate::fixtures::Fixture;
use crate::gpu::{devices, name as device_name};
use crate::gradients::{Batch, gradients};
use crate::reference::mse::mean_squared_error;
use crate::reference::{SAMPLE, Twin};

/// PyTorch's gradients of a fixture, by checkpoint name, and of its input as [`SAMPLE`].
fn expected(name: &str) -> BTreeMap<String, Vec<f64>> {
    let fixture = Fixture::load(&format!("unet/{name}/grads.safetensors"));
    fixture.names().into_iter().map(|tensor| (tensor.clone(), fixture.f64(&tensor).data)).collect()
}

fn check(name: &'static str) {
    let golden = Golden::load(name, name);
    let io = Fixture::load(&format!("unet/{name}/io.safetensors"));
    let twin = Twin::new(&golden.graph, &golden);
    let (x, labels) = (&golden.x.data, golden.labels.as_deref());
    let output = twin.predict(x, &golden.timesteps, labels);
    let (loss, d_output) = mean_squared_error(&output, &io.f32("target").data);
    assert_close(&format!("{name}, loss"), &[loss], &io.f64("loss").data, 1e-6);
    let found = twin.gradients(x, &golden.timesteps, labels, &d_output).by_name();
    let want = expected(name);
    assert_gradients_close(name, &found, &want, NETWORK_GRADIENTS);
    for (tensor, factor) in
        [("conv_in.weight", 0.0), ("mid_block.resnets.0.conv1.weight", 1.001), (SAMPLE, 1.001)]
    {
        let mut spoilt = found.clone();
        spoilt.get_mut(tensor).expect(tensor).iter_mut().for_each(|g| *g *= factor);
        assert_fails(tensor, || assert_gradients_close("spoilt", &spoilt, &want, NETWORK_GRADIENTS));
    }
}

#[test]
fn the_twins_gradients_of_grey28() {
    check("grey28");
}

#[test]
fn the_twins_gradients_of_cifar32() {
    check("cifar32");
}

#[test]
fn the_twins_gradients_of_classes16() {
    check("classes16");
}

/// The kernels' gradients in the device's own tiling.
pub fn check_kernels(gpu: &GpuContext, name: &'static str) {
    let golden = Golden::load(name, name);
    let io = Fixture::load(&format!("unet/{name}/io.safetensors"));
    let (x, timesteps, labels) = (&golden.x.data[..], &golden.timesteps[..], golden.labels.as_deref());
    let twin = Twin::new(&golden.graph, &golden);
    let (_, d_output) = mean_squared_error(&twin.predict(x, timesteps, labels), &io.f32("target").data);
    let d_output: Vec<f32> = d_output.iter().map(|&d| d as f32).collect();
    let batch = Batch { x, timesteps, labels, d_output: &d_output, training: None };
    let (_, found) = gradients(gpu, &golden.graph, &golden, &batch);
    assert_gradients_close(
        &format!("{name}, kernels of {}", device_name(gpu)),
        &found,
        &expected(name),
        NETWORK_GRADIENTS,
    );
}

#[test]
fn the_kernels_gradients_of_grey28() {
    devices().into_iter().for_each(|gpu| check_kernels(gpu, "grey28"));
}

#[test]
fn the_kernels_gradients_of_cifar32() {
    devices().into_iter().for_each(|gpu| check_kernels(gpu, "cifar32"));
}

#[test]
fn the_kernels_gradients_of_classes16() {
    devices().into_iter().for_each(|gpu| check_kernels(gpu, "classes16"));
}
