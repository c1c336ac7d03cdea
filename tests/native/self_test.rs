//! The start-up check: its known answers are the f64 twins', it covers what a page compiles, and it can fail.

use ddpm::checkpoint::Checkpoint;
use ddpm::diffusion::{self, PredNoise};
use ddpm::error::ErrorKind;
use ddpm::graph::unet;
use ddpm::ops;
use ddpm::rng::{Stream, fill_normals};
use ddpm::sampler::{self, Method};
use ddpm::self_test::{STEPS, SelfTest};

use super::compare::max_abs;
use super::gpu::{block_on, gpu, methods};
use super::reference::Twin;

/// f32's rounding of the answers, and no more.
const ROUNDING: f64 = 1e-7;

fn all() -> impl Iterator<Item = SelfTest> {
    [(false, false), (false, true), (true, false), (true, true)]
        .into_iter()
        .map(|(ddim, classes)| SelfTest { ddim, classes })
}

/// x_t after the check's steps, by the twins and the host's own f64.
fn by_twins(test: SelfTest) -> Vec<f64> {
    let Checkpoint { unet, diffusion: spec, weights, metadata } = test.checkpoint().expect("a checkpoint");
    let options = test.options();
    let graph = unet::describe(&unet, unet.sample_size).expect("a network");
    let twin = Twin::new(&graph, &weights);
    let steps = options.chain(&spec).expect("steps");
    let (samples, elements) = (options.count as usize, 3 * 8 * 8);
    let noise = |stream, t| -> Vec<f64> {
        let mut all = vec![0.0; samples * elements];
        for (sample, part) in (0..).zip(all.chunks_exact_mut(elements)) {
            fill_normals(options.seed, stream, t, sample, part);
        }
        all
    };
    let mut x = noise(Stream::InitialNoise, spec.num_timesteps - 1);
    for step in &steps[..STEPS as usize] {
        let predict = |label: Option<u32>| {
            let labels = label.map(|label| vec![label; samples]);
            twin.predict(&x, &vec![step.t; samples], labels.as_deref())
        };
        let output = match (metadata.null_class, options.conditioning.guidance) {
            (Some(null), Some(w)) => {
                diffusion::guided_noise(&predict(Some(null)), &predict(options.conditioning.label), w)
            }
            _ => predict(None),
        };
        let z = noise(Stream::ReverseNoise, step.t);
        x = match options.method {
            Method::Ddpm => diffusion::p_sample(&spec, step, &x, &output, &z).x_prev,
            _ => diffusion::ddim_step(&spec, step, &x, &output, PredNoise::FromClippedXStart, &z).x_prev,
        };
    }
    x
}

#[test]
fn the_known_answers_are_the_twins() {
    let answers: Vec<[f64; 12]> = all()
        .map(|test| {
            let x = by_twins(test);
            SelfTest::places().map(|place| x[place])
        })
        .collect();
    let off = all().zip(&answers).map(|(test, answers)| max_abs(test.known(), answers)).fold(0.0, f64::max);
    let rounded: Vec<[f32; 12]> = answers.iter().map(|answers| answers.map(|value| value as f32)).collect();
    assert!(off <= ROUNDING, "KNOWN should be {rounded:?}");
}

#[test]
fn this_adapter_passes_under_every_tiling() {
    for (tile, gpu) in methods() {
        for test in all() {
            block_on(test.run(gpu)).unwrap_or_else(|e| panic!("{tile:?}, {test:?}: {e}"));
        }
    }
}

type Change<'a> = &'a dyn Fn(&mut [f32; 12], &mut [f32]);

#[test]
fn wrong_answers_fail() {
    let test = SelfTest { ddim: false, classes: false };
    let judge = |change: Change| {
        let mut found = *test.known();
        let first = vec![0.5f32; 40];
        let mut second = first.clone();
        change(&mut found, &mut second);
        test.judge(&found, &first, &second).map_err(|e| (e.kind(), e.to_string()))
    };
    assert_eq!(judge(&|_, _| ()), Ok(()));
    let changes: [(&str, Change); 4] = [
        ("other numbers", &|found, _| found[11] += 1e-3),
        ("other numbers", &|found, _| found[0] = f32::NAN),
        ("each time", &|_, second| second[39] = 0.5f32.next_up()),
        ("each time", &|_, second| second[0] = -0.5),
    ];
    for (what, change) in changes {
        let (kind, words) = judge(change).expect_err(what);
        assert!(kind == ErrorKind::SelfTest && words.contains(what), "{words}");
    }
}

/// A wrong kernel has to show in the elements that are compared: each depends on every parameter.
#[test]
fn every_parameter_moves_the_answers() {
    let test = SelfTest { ddim: false, classes: true };
    let Checkpoint { unet, weights, .. } = test.checkpoint().expect("a checkpoint");
    let graph = unet::describe(&unet, unet.sample_size).expect("a network");
    let x = vec![0.3; 3 * 8 * 8];
    let predict = |twin: &Twin| twin.predict(&x, &[3], Some(&[1]));
    let mut twin = Twin::new(&graph, &weights);
    let before = predict(&twin);
    for param in &graph.params {
        let scaled = |twin: &mut Twin, factor: f64| {
            twin.parameter_mut(&param.name).iter_mut().for_each(|v| *v *= factor)
        };
        scaled(&mut twin, 1.5);
        let moved = max_abs(&predict(&twin), &before);
        scaled(&mut twin, 1.0 / 1.5);
        // A key's bias moves every score of a query alike, and the softmax takes that away again.
        let is_idle = param.name.ends_with("to_k.bias");
        assert!(moved > 1e-3 || is_idle, "{}: {moved}", param.name);
    }
}

#[test]
fn the_check_compiles_what_the_pages_models_need() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web/models");
    let models = std::fs::read_dir(folder).expect("models").map(|entry| entry.expect("a file").path());
    let mut seen = 0;
    for path in models.filter(|path| path.extension().is_some_and(|e| e == "safetensors")) {
        let model = Checkpoint::from_bytes(std::fs::read(&path).expect("a model")).expect("a checkpoint");
        for test in all() {
            let classes = model.unet.num_class_embeds.is_some();
            let method = test.options().method;
            let kernels = |checkpoint: &Checkpoint| {
                let graph = unet::describe(&checkpoint.unet, checkpoint.unet.sample_size).expect("a network");
                let mut kernels = ops::kernels(&graph, gpu().tile());
                kernels.extend(sampler::kernels(method));
                kernels
            };
            let checked = kernels(&SelfTest::of(method, classes).checkpoint().expect("a checkpoint"));
            for kernel in kernels(&model) {
                assert!(checked.contains(&kernel), "{}: {kernel:?} is not checked", path.display());
            }
        }
        seen += 1;
    }
    assert!(seen >= 2, "{seen} models");
}
