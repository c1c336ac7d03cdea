//! Methods for convolutions: which are allowed, which is chosen, and that the fastest is.

use std::time::Duration;

use ddpm::gpu::{Abilities, Algorithm, ConvShape, Method, Methods, Tile};
use ddpm::graph::unet;
use ddpm::ops::tuning::{chosen_methods, measure, tune};
use ddpm::train::Preset;

use super::gpu::gpu;

const SHAPE: ConvShape = ConvShape {
    samples: 2,
    height: 6,
    width: 5,
    in_quads: 4,
    out_quads: 5,
    kernel: 3,
    stride: 1,
    upsample: 0,
};

fn graph() -> ddpm::graph::Graph {
    let network = Preset::Tiny.network([1, 28, 28]);
    unet::describe(&network, network.sample_size).expect("a U-Net")
}

#[test]
fn winograd_is_for_three_by_three_and_every_pixel() {
    for (shape, allowed) in [
        (SHAPE, true),
        (ConvShape { upsample: 1, ..SHAPE }, true),
        (ConvShape { kernel: 1, ..SHAPE }, false),
        (ConvShape { stride: 2, ..SHAPE }, false),
        (ConvShape { upsample: 2, ..SHAPE }, false),
    ] {
        for tile in [Tile::Workgroup { size: 32 }, Tile::Registers, Tile::Naive] {
            let methods = Methods::Fixed(Algorithm::Winograd);
            let wanted = match allowed && tile != Tile::Naive {
                true => Algorithm::Winograd,
                false => Algorithm::Direct,
            };
            let abilities = Abilities { tile, half_weights: false };
            assert_eq!(methods.of(&shape, abilities), Method::new(wanted, tile), "{shape:?}");
            let rule = Methods::Rule.of(&shape, abilities);
            assert!(shape.methods(abilities).contains(&rule), "{shape:?}, {rule:?}");
        }
    }
}

#[test]
fn what_is_chosen_is_obeyed_where_it_can_be() {
    let [small, cpu] =
        [Tile::Workgroup { size: 32 }, Tile::Registers].map(|tile| Abilities { tile, half_weights: false });
    let wanted = Method::new(Algorithm::Winograd, Tile::Workgroup { size: 64 });
    let chosen = Methods::Chosen([(SHAPE, wanted)].into());
    assert_eq!(chosen.of(&SHAPE, small), wanted);
    let other = ConvShape { samples: 3, ..SHAPE };
    assert_eq!(chosen.of(&other, small), Methods::Rule.of(&other, small), "not among them");
    // A choice of another kind of adapter.
    assert_eq!(chosen.of(&SHAPE, cpu), Method::new(Algorithm::Direct, Tile::Registers));
}

#[test]
fn the_fastest_that_was_measured_is_chosen_and_only_once() {
    let (gpu, graph) = (gpu(), graph());
    let timings = measure(gpu, &SHAPE).expect("timings");
    let methods: Vec<Method> = timings.iter().map(|timing| timing.method).collect();
    assert_eq!(methods, SHAPE.methods(gpu.abilities()));
    assert!(timings.iter().all(|timing| timing.seconds > 0.0 && timing.seconds < 10.0), "{timings:?}");

    assert_eq!(tune(gpu, &graph, 1, &[], Duration::ZERO).expect("methods"), [], "in no time");
    let all = tune(gpu, &graph, 1, &[], Duration::from_secs(60)).expect("methods");
    let known = chosen_methods(gpu, &graph, 1);
    for (shape, method) in &all {
        assert!(known.iter().any(|(other, _)| other == shape), "{shape:?} is not the network's");
        assert!(shape.methods(gpu.abilities()).contains(method), "{shape:?}, {method:?}");
    }
    let again = tune(gpu, &graph, 1, &all, Duration::from_secs(60)).expect("methods");
    assert_eq!(again, [], "known shapes are not measured again");
    let tuned = gpu.with_methods(Methods::Chosen(all.clone().into()));
    let chosen = chosen_methods(&tuned, &graph, 1);
    assert!(all.iter().all(|pair| chosen.contains(pair)), "{chosen:?}");
}
