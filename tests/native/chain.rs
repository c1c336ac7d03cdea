//! Whole chains of the reference checkpoint against PyTorch's, and what a chain may not do while it runs.

use ddpm::checkpoint::{Checkpoint, folder};
use ddpm::diffusion::PredNoise;
use ddpm::gpu::GpuContext;
use ddpm::sampler::{Frames, Method, Sampler, SamplerOptions, run};

use super::compare::{assert_fails, assert_mean_abs};
use super::fixtures::{Fixture, path};
use super::gpu::{self, block_on, devices, gpu, name};

/// Mean |Δ| of pictures on [−1, 1]: 1e-4 on [0, 1].
const TOLERANCE: f64 = 2e-4;
/// DDIM, deterministic, as the fixture has it.
const DDIM: Method = Method::Ddim { eta: 0.0, pred_noise: PredNoise::FromClippedXStart };

fn reference() -> Checkpoint {
    folder::load(path("checkpoints/fashion-mnist-reference")).expect("the reference checkpoint")
}

fn sampler(gpu: &GpuContext, options: &SamplerOptions) -> Sampler {
    Sampler::new(gpu, &reference(), options).expect("a chain")
}

/// Encodes and submits one step.
fn step(gpu: &GpuContext, sampler: &mut Sampler) {
    let mut encoder = gpu.encoder();
    sampler.step(&mut encoder);
    gpu.submit(encoder);
}

fn view(sampler: &Sampler, ix: usize) -> Vec<f32> {
    block_on(sampler.read_view(ix)).expect("a view")
}

#[test]
fn the_ddpm_chain_follows_pytorch_at_every_t() {
    let fixture = Fixture::load("chain/fashion-mnist-reference.safetensors");
    let ends = devices().map(|gpu| {
        let mut sampler = sampler(gpu, &SamplerOptions { count: 2, seed: 7, ..SamplerOptions::default() });
        assert_mean_abs("x_T", &view(&sampler, 0), &fixture.f64("x_T").data, TOLERANCE);
        for t in [999, 900, 750, 500, 250, 100, 0] {
            while sampler.t().is_some_and(|next| next >= t) {
                step(gpu, &mut sampler);
                // A software adapter would otherwise be sent all steps at once.
                gpu.wait();
            }
            for (ix, what) in [(0, "x"), (1, "pred_x_start")] {
                let name = format!("ddpm.after_t{t}.{what}");
                let want = fixture.f64(&name).data;
                assert_mean_abs(
                    &format!("{name} on {}", gpu::name(gpu)),
                    &view(&sampler, ix),
                    &want,
                    TOLERANCE,
                );
            }
        }
        let other = &fixture.f64("ddpm.after_t100.x").data;
        let picture = view(&sampler, 0);
        assert_fails("a wrong answer", || assert_mean_abs("another t", &picture, other, TOLERANCE));
        picture
    });
    let [one, other] = ends.map(|end| end.into_iter().map(f64::from).collect::<Vec<f64>>());
    assert_mean_abs("both devices", &one, &other, TOLERANCE);
}

#[test]
fn the_ddim_chain_follows_pytorch() {
    let fixture = Fixture::load("chain/fashion-mnist-reference.safetensors");
    let options = SamplerOptions { count: 2, seed: 7, method: DDIM, steps: 20, ..SamplerOptions::default() };
    for gpu in devices() {
        let mut sampler = sampler(gpu, &options);
        run(&mut sampler, None, |_| ()).expect("a chain");
        assert_mean_abs(
            &format!("ddim20.x_0 on {}", name(gpu)),
            &view(&sampler, 0),
            &fixture.f64("ddim20.x_0").data,
            TOLERANCE,
        );
    }
}

#[test]
fn a_picture_is_the_same_in_every_batch() {
    let options = SamplerOptions { count: 16, seed: 31, steps: 12, ..SamplerOptions::default() };
    for gpu in devices() {
        let mut all = sampler(gpu, &options);
        run(&mut all, None, |_| ()).expect("a chain");
        let pictures = view(&all, 0);
        for ix in [0usize, 13] {
            let alone = SamplerOptions { count: 1, first_sample: ix as u32, ..options.clone() };
            let mut alone = sampler(gpu, &alone);
            run(&mut alone, None, |_| ()).expect("a chain");
            let want: Vec<f64> = view(&alone, 0).iter().map(|&v| v.into()).collect();
            let got = &pictures[ix * want.len()..][..want.len()];
            assert_mean_abs(&format!("{}: picture {ix}", name(gpu)), got, &want, TOLERANCE);
            let other = &pictures[(ix + 1) * want.len()..][..want.len()];
            assert_fails("a wrong answer", || assert_mean_abs("another picture", other, &want, TOLERANCE));
        }
    }
}

#[test]
fn nothing_is_made_or_waited_for_inside_the_loop() {
    let options = SamplerOptions { count: 1, steps: 8, ..SamplerOptions::default() };
    for gpu in devices() {
        // A context of its own counts alone: other tests share the process's.
        let gpu = gpu.with_tile(gpu.tile());
        let mut sampler = Sampler::new(&gpu, &reference(), &options).expect("a chain");
        let mut frames = Frames::new(&sampler, 4, 1 << 20).expect("frames");
        let before = gpu.counts();
        run(&mut sampler, Some(&mut frames), |_| ()).expect("a chain");
        let after = gpu.counts();
        assert_eq!(
            (after.allocations, after.pipelines, after.bind_groups, after.readbacks),
            (before.allocations, before.pipelines, before.bind_groups, before.readbacks)
        );
        let per_step = sampler.plan().dispatches() as u64;
        assert_eq!(after.dispatches - before.dispatches, 8 * per_step);
        block_on(sampler.read_view(0)).expect("a view");
        assert_eq!(gpu.counts().readbacks, before.readbacks + 1, "the counter counts");
    }
}

#[test]
fn gpu_tiles_take_one_pass_a_step() {
    let gpu = gpu().with_tile(ddpm::gpu::Tile::Workgroup { size: 32 });
    let options = SamplerOptions { count: 1, steps: 2, method: DDIM, ..SamplerOptions::default() };
    let mut sampler = Sampler::new(&gpu, &reference(), &options).expect("a chain");
    let before = gpu.counts().passes;
    run(&mut sampler, None, |_| ()).expect("a chain");
    assert_eq!(gpu.counts().passes - before, 2);
}

#[test]
fn kept_frames_bring_a_chain_back_and_another_seed_another_future() {
    let options = SamplerOptions { count: 1, seed: 5, steps: 10, ..SamplerOptions::default() };
    for gpu in devices() {
        let mut sampler = sampler(gpu, &options);
        let mut frames = Frames::new(&sampler, 11, 1 << 20).expect("frames");
        run(&mut sampler, Some(&mut frames), |_| ()).expect("a chain");
        assert_eq!(frames.kept(), (0..=10).collect::<Vec<u32>>());
        let picture: Vec<f64> = view(&sampler, 0).iter().map(|&v| v.into()).collect();

        assert_eq!(frames.restore(&mut sampler, 4), Some(4));
        let at_4 = view(&sampler, 0);
        assert_eq!(at_4, block_on(frames.read(&sampler, 4, 0)).expect("a frame"));
        run(&mut sampler, Some(&mut frames), |_| ()).expect("a chain");
        assert_eq!(view(&sampler, 0).iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), picture);

        frames.restore(&mut sampler, 4);
        sampler.reseed(6);
        run(&mut sampler, Some(&mut frames), |_| ()).expect("a chain");
        let other = view(&sampler, 0);
        assert_fails("a wrong answer", || assert_mean_abs("another future", &other, &picture, TOLERANCE));

        sampler.write_x(&at_4, 4).expect("x_t");
        sampler.reseed(5);
        run(&mut sampler, None, |_| ()).expect("a chain");
        assert_eq!(view(&sampler, 0).iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), picture);
    }
}
