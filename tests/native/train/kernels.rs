//! The kernels around the network: drawn timesteps, the norm of the gradients, the optimiser.

use std::collections::BTreeMap;

use ddpm::gpu::{GpuContext, Recorder};
use ddpm::graph::Graph;
use ddpm::ops::adam::{self, Adam, AdamStep};
use ddpm::ops::chain::Chain;
use ddpm::ops::store::{Array, ParameterStore};
use ddpm::ops::{draw_timesteps, gradient_norm};
use ddpm::rng::{Stream, word_block};

use super::super::compare::{assert_close, assert_fails};
use super::super::gpu::{block_on, devices, name as device_name};
use super::super::reference::adam::{AdamW, Moments, update_ema};
use super::super::reference::clip::clip_norm;
use super::super::reference::random::{RandomParameters, normals};
use super::small_unet;

#[test]
fn timesteps_are_the_words_scaled() {
    let (seed, first) = (0xdead_beef_0000_0011, 4_000_000_000);
    for gpu in devices() {
        for num_timesteps in [1, 7, 1000, 4_000_000, u32::MAX] {
            let chain = gpu.buffer_with("chain", &[Chain::new(3, seed, first)]).expect("a buffer");
            let timesteps = gpu.buffer("timesteps", 200).expect("a buffer");
            let mut rec = Recorder::new(gpu);
            draw_timesteps::record(&mut rec, 200, num_timesteps, &chain, &timesteps).expect("recorded");
            rec.finish().submit(gpu);
            let found: Vec<u32> = block_on(gpu.read(&timesteps)).expect("timesteps");
            let want = (0..200).map(|n| {
                let [word, ..] = word_block(seed, Stream::Timestep, 0, first + n, 0);
                ((u64::from(word) * u64::from(num_timesteps)) >> 32) as u32
            });
            assert!(found.iter().copied().eq(want), "{}: T = {num_timesteps}", device_name(gpu));
        }
    }
}

/// A store with random values, gradients and moments, and the same on the host.
struct Both {
    graph: Graph,
    store: ParameterStore,
    arrays: [BTreeMap<String, Vec<f64>>; 5],
}

const ARRAYS: [Array; 5] =
    [Array::Values, Array::Gradients, Array::FirstMoment, Array::SecondMoment, Array::Average];

impl Both {
    fn new(gpu: &GpuContext) -> Self {
        let graph = ddpm::graph::unet::describe(&small_unet(Some(3), 0.0), [8, 8]).expect("a graph");
        let store =
            ParameterStore::new(gpu, &graph, &RandomParameters::new(&graph, 1), true).expect("a store");
        let arrays = ARRAYS.map(|array| {
            let parameters = graph.params.iter().zip(1u64..).map(|(param, n)| {
                let count = param.shape.iter().product();
                let values = normals(n + ((array as u64) << 20), count, 0.0, 0.1);
                let square = matches!(array, Array::SecondMoment);
                (
                    param.name.clone(),
                    values.into_iter().map(|v| if square { v * v } else { v }).collect::<Vec<f32>>(),
                )
            });
            let values: std::collections::HashMap<String, Vec<f32>> = parameters.collect();
            store.write(gpu, &graph, array, &values).expect("values");
            values.into_iter().map(|(name, v)| (name, v.into_iter().map(f64::from).collect())).collect()
        });
        Self { graph, store, arrays }
    }

    fn read(&self, gpu: &GpuContext, array: Array) -> BTreeMap<String, Vec<f32>> {
        block_on(self.store.read(gpu, &self.graph, array)).expect("values").into_iter().collect()
    }
}

#[test]
fn the_norm_and_its_factor() {
    for gpu in devices() {
        let both = Both::new(gpu);
        let chain = gpu.buffer_with("chain", &[Chain::new(5, 1, 0)]).expect("a buffer");
        let [factor, norms] = ["factor", "norms"].map(|name| gpu.buffer(name, 4).expect("a buffer"));
        for max_norm in [None, Some(0.5), Some(1e4)] {
            let mut rec = Recorder::new(gpu);
            gradient_norm::record(&mut rec, &both.store, max_norm, &chain, &factor, &norms)
                .expect("recorded");
            rec.finish().submit(gpu);
            let mut clipped = both.arrays[1].clone();
            let before = clipped["conv_in.weight"][0];
            let want = clip_norm(&mut clipped, max_norm.map_or(f64::INFINITY, f64::from));
            let norms: Vec<f32> = block_on(gpu.read(&norms)).expect("norms");
            // Slot 5 mod 4.
            assert_close("norm", &[norms[1] / want as f32], &[1.0], 1e-6);
            let found: Vec<f32> = block_on(gpu.read(&factor)).expect("a factor");
            assert_close("factor", &[found[0]], &[clipped["conv_in.weight"][0] / before], 1e-6);
        }
    }
}

#[test]
fn a_step_of_the_optimiser() {
    for gpu in devices() {
        for (weight_decay, clipping, k) in [(0.0, 1.0f32, 1), (0.1, 0.25, 7), (0.01, 1.0, 10_000)] {
            let mut both = Both::new(gpu);
            let (beta1, beta2, lr, eps, ema) = (0.9, 0.999, 3e-3, 1e-8, 0.99);
            let settings = Adam {
                beta1: beta1 as f32,
                beta2: beta2 as f32,
                eps: eps as f32,
                weight_decay: weight_decay as f32,
                rate1: (1.0 - beta1) as f32,
                rate2: (1.0 - beta2) as f32,
                ..Adam::default()
            };
            let numbers = AdamStep {
                learning_rate: lr as f32,
                first_correction: (1.0 - f64::powi(beta1, k)).recip() as f32,
                second_correction: (1.0 - f64::powi(beta2, k)).recip() as f32,
                average_rate: (1.0 - ema) as f32,
            };
            let numbers = gpu.buffer_with("numbers", &[numbers]).expect("a buffer");
            let factor = gpu.buffer_with("factor", &[clipping]).expect("a buffer");
            let mut rec = Recorder::new(gpu);
            adam::record(&mut rec, &both.store, settings, &numbers, &factor).expect("recorded");
            rec.finish().submit(gpu);

            let optimiser = AdamW { lr, betas: [beta1, beta2], eps, weight_decay };
            for name in both.arrays[0].keys().cloned().collect::<Vec<_>>() {
                let [values, gradients, first, second, average] =
                    both.arrays.each_mut().map(|array| array.get_mut(&name).expect("every parameter"));
                gradients.iter_mut().for_each(|g| *g *= f64::from(clipping));
                let mut moments = Moments { m: first.clone(), v: second.clone() };
                optimiser.step(k as u32, values, gradients, &mut moments);
                update_ema(ema, average, values);
                (*first, *second) = (moments.m, moments.v);
            }
            for (array, want) in
                ARRAYS.into_iter().zip(&both.arrays).filter(|(array, _)| *array != Array::Gradients)
            {
                let found = both.read(gpu, array);
                for (name, want) in want {
                    assert_close(&format!("{array:?} {name} at {k}"), &found[name], want, 1e-6);
                }
            }
            let values = both.read(gpu, Array::Values);
            let name = "conv_in.weight";
            let wrong: Vec<f64> = both.arrays[0][name].iter().map(|v| v * 1.001).collect();
            assert_fails("values a thousandth off", || assert_close("spoilt", &values[name], &wrong, 1e-6));
        }
    }
}
