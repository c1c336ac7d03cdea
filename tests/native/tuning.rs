//! Methods for convolutions: which are allowed, which is chosen, and that the fastest is.

use std::time::Duration;

use ddpm::gpu::{Abilities, Algorithm, ConvShape, Method, Methods, Tile};
use ddpm::graph::unet;
use ddpm::ops::tuning::{Measured, Timing, choose, chosen_methods, measure, tune};
use ddpm::train::Preset;

use super::gpu::{cpu, gpu};

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
fn sums_are_split_on_small_maps_of_many_channels_alone() {
    let splits = |shape: ConvShape, tile: Tile| {
        let methods = shape.methods(Abilities { tile, half_weights: false });
        let of_tile =
            methods.iter().filter(|method| method.tile == tile && method.algorithm == Algorithm::Direct);
        of_tile.map(|method| method.splits).collect::<Vec<_>>()
    };
    let (small, large) = (Tile::Workgroup { size: 32 }, Tile::Workgroup { size: 64 });
    // 16 pixels and 256 channels: 8 workgroups of tiles of 32, 4 of 64, and sums of 2304 products.
    let deep = ConvShape { samples: 1, height: 4, width: 4, in_quads: 64, out_quads: 64, ..SHAPE };
    assert_eq!(splits(deep, small), [1, 2, 4, 8]);
    assert_eq!(splits(ConvShape { in_quads: 128, ..deep }, small), [1, 2, 4, 8, 16]);
    assert_eq!(splits(ConvShape { samples: 4, ..deep }, small), [1, 2, 4, 8]);
    assert_eq!(splits(ConvShape { samples: 8, ..deep }, small), [1, 2, 4], "32 workgroups");
    assert_eq!(splits(ConvShape { samples: 16, ..deep }, small), [1], "64 workgroups");
    assert_eq!(splits(ConvShape { samples: 16, ..deep }, large), [1, 2, 4, 8], "16 workgroups");
    assert_eq!(splits(ConvShape { kernel: 1, ..deep }, small), [1], "256 products");
    assert_eq!(splits(SHAPE, small), [1], "144 products");
    assert_eq!(splits(deep, Tile::Registers), [1], "not for GPUs");
    assert_eq!(splits(deep, Tile::Naive), [1], "not for GPUs");

    let abilities = Abilities { tile: small, half_weights: false };
    let method = |splits| Method { splits, ..Method::new(Algorithm::Direct, small) };
    let few = ConvShape { in_quads: 9, ..SHAPE };
    assert_eq!(
        [0, 1, 2, 3, 4].map(|splits| few.allows(&method(splits), abilities)),
        [false, true, true, true, false]
    );
    assert!(!deep.allows(&Method { algorithm: Algorithm::Winograd, ..method(2) }, abilities));
}

#[test]
fn weights_in_f16_are_a_method_only_for_networks_that_have_them() {
    let tile = Tile::Workgroup { size: 64 };
    let half = Method { half_weights: true, ..Method::new(Algorithm::Direct, tile) };
    for (tile, half_weights, allowed) in [
        (tile, true, true),
        (Tile::Workgroup { size: 32 }, true, true),
        (tile, false, false),
        (Tile::Registers, true, false),
        (Tile::Naive, true, false),
    ] {
        let abilities = Abilities { tile, half_weights };
        assert_eq!(SHAPE.methods(abilities).contains(&half), allowed, "{abilities:?}");
        assert_eq!(SHAPE.allows(&half, abilities), allowed, "{abilities:?}");
    }
    let abilities = Abilities { tile, half_weights: true };
    assert!(!SHAPE.allows(&Method { algorithm: Algorithm::Winograd, ..half }, abilities));
}

#[test]
fn methods_without_splits_and_f16_are_read_as_having_none() {
    let text = r#"{"algorithm": "direct", "tile": {"workgroup": {"size": 64}}}"#;
    let method: Method = serde_json::from_str(text).expect("a method");
    assert_eq!(method, Method::new(Algorithm::Direct, Tile::Workgroup { size: 64 }));
}

/// Winograd's algorithm and the direct way for every convolution of the graph, the former as many times as fast as `gain` says.
fn synthetic(graph: &ddpm::graph::Graph, gain: impl Fn(&ConvShape) -> f64) -> Vec<Measured> {
    let tile = Tile::Workgroup { size: 32 };
    let shapes = chosen_methods(&gpu().with_tile(tile), graph, 1).into_iter().map(|(shape, _)| shape);
    let measured = shapes.filter(ConvShape::allows_winograd).map(|shape| {
        let timing = |algorithm, seconds| Timing { method: Method::new(algorithm, tile), seconds };
        let timings = vec![timing(Algorithm::Direct, 1.0), timing(Algorithm::Winograd, 1.0 / gain(&shape))];
        Measured { shape, timings }
    });
    measured.collect()
}

#[test]
fn memory_goes_to_the_convolutions_that_save_most_time_for_it() {
    let graph = graph();
    let transformed =
        |shape: &ConvShape| u64::from(36 * shape.in_quads * 4) * u64::from(shape.out_quads * 4) * 4;
    // Layers of each shape; gradients that are no layer's own shape keep nothing.
    let layers = |shape: &ConvShape| {
        let convolutions = graph.ops.iter().filter_map(|op| match op {
            ddpm::graph::Op::Conv2d(conv) => Some(conv),
            _ => None,
        });
        let is_of = |conv: &&ddpm::graph::Conv2d| {
            let out = graph.tensor(conv.out);
            let inputs = conv.x.iter().map(|&id| graph.tensor(id).quads()).sum::<u32>();
            [out.height, out.width, inputs, out.quads()]
                == [shape.height, shape.width, shape.in_quads, shape.out_quads]
                && (conv.kernel, conv.stride, u32::from(conv.upsample))
                    == (shape.kernel, shape.stride, shape.upsample)
        };
        convolutions.filter(is_of).count() as u64
    };
    let winograd_of = |measured: &[Measured], bytes| {
        let chosen = choose(&graph, 1, measured, bytes);
        assert_eq!(chosen.len(), measured.len());
        let winograd = chosen.into_iter().filter(|(_, method)| method.algorithm == Algorithm::Winograd);
        winograd.map(|(shape, _)| shape).collect::<Vec<_>>()
    };
    let measured = synthetic(&graph, |_| 2.0);
    let all = winograd_of(&measured, u64::MAX);
    assert_eq!(all.len(), measured.len());
    let total: u64 = all.iter().map(|shape| layers(shape) * transformed(shape)).sum();
    assert_eq!(winograd_of(&measured, total), all);
    for budget in [total - 1, total / 2, total / 10, 0] {
        let chosen = winograd_of(&measured, budget);
        let bytes: u64 = chosen.iter().map(|shape| layers(shape) * transformed(shape)).sum();
        assert!(bytes <= budget && chosen.len() < all.len(), "{bytes} bytes of {budget}");
        // Each saves the same time, so that the smallest come first.
        let largest = chosen.iter().map(&transformed).filter(|_| bytes > 0).max().unwrap_or(0);
        let left_out = all.iter().filter(|shape| !chosen.contains(shape));
        for shape in left_out {
            let rest = budget - bytes;
            assert!(transformed(shape) >= largest || layers(shape) * transformed(shape) > rest, "{shape:?}");
        }
    }
    assert_eq!(winograd_of(&synthetic(&graph, |_| 0.5), u64::MAX), [], "slower");
    let favourite =
        *all.iter().filter(|shape| layers(shape) > 0).max_by_key(|shape| transformed(shape)).expect("one");
    let measured = synthetic(&graph, |shape| if *shape == favourite { 1000.0 } else { 1.001 });
    let just_it = winograd_of(&measured, layers(&favourite) * transformed(&favourite));
    let kept: Vec<_> = just_it.into_iter().filter(|shape| layers(shape) > 0).collect();
    assert_eq!(kept, [favourite], "the one that saves most");
}

#[test]
fn the_fastest_that_was_measured_is_chosen_and_only_once() {
    let (gpu, graph) = (gpu(), graph());
    for gpu in [gpu, &gpu.with_tile(Tile::Workgroup { size: 32 })] {
        let timings = measure(gpu, gpu.abilities(), &SHAPE).expect("timings");
        let methods: Vec<Method> = timings.iter().map(|timing| timing.method).collect();
        assert_eq!(methods, SHAPE.methods(gpu.abilities()));
        assert!(timings.iter().all(|timing| timing.seconds > 0.0 && timing.seconds < 10.0), "{timings:?}");
    }

    let tuned =
        |known: &[Measured], budget| tune(gpu, gpu.abilities(), &graph, 1, known, budget).expect("timings");
    assert_eq!(tuned(&[], Duration::ZERO), [], "in no time");
    let measured = tuned(&[], Duration::from_secs(60));
    assert_eq!(tuned(&measured, Duration::from_secs(60)), [], "known shapes are not measured again");
    let all = choose(&graph, 1, &measured, u64::MAX);
    let known = chosen_methods(gpu, &graph, 1);
    for (shape, method) in &all {
        assert!(known.iter().any(|(other, _)| other == shape), "{shape:?} is not the network's");
        let of_shape = measured.iter().find(|measured| measured.shape == *shape).expect("measured");
        let seconds = |timing: &Timing| if timing.method == *method { timing.seconds } else { f64::INFINITY };
        let chosen = of_shape.timings.iter().map(seconds).fold(f64::INFINITY, f64::min);
        assert!(of_shape.timings.iter().all(|timing| chosen <= timing.seconds), "{of_shape:?}, {method:?}");
    }
    let tuned = gpu.with_methods(Methods::Chosen(all.clone().into()));
    let chosen = chosen_methods(&tuned, &graph, 1);
    assert!(all.iter().all(|pair| chosen.contains(pair)), "{chosen:?}");
}

#[test]
fn the_processor_has_one_way_for_each_convolution() {
    let (cpu, graph) = (cpu(), graph());
    let way = Method::new(Algorithm::Direct, Tile::Processor);
    for shape in [SHAPE, ConvShape { kernel: 1, ..SHAPE }, ConvShape { upsample: 2, ..SHAPE }] {
        assert_eq!(shape.methods(cpu.abilities()), [way], "{shape:?}");
        for methods in [Methods::Rule, Methods::Fixed(Algorithm::Winograd)] {
            assert_eq!(cpu.with_methods(methods).method(&shape), way, "{shape:?}");
        }
    }
    let measured = tune(cpu, cpu.abilities(), &graph, 1, &[], Duration::from_secs(60)).expect("nothing");
    assert_eq!(measured, [], "nothing to choose between");
}
