//! Every method for a convolution, forward and backward, against the naive kernels: shapes at random.

use ddpm::gpu::{Abilities, ConvShape, GpuContext, Method, Methods, Tile};
use ddpm::graph::{Conv2d, Graph, Op, Segment};
use ddpm::ops::tuning::chosen_methods;
use ddpm::rng::{Stream, word_block};

use super::{Builder, TOLERANCE, assert_same_bits, normals};
use crate::compare::{assert_fails, assert_relative_l2};
use crate::gpu::gpu;
use crate::gradients::{Batch, gradients};
use crate::reference::SAMPLE;
use crate::reference::random::RandomParameters;

const DRAWS: u32 = 16;

/// A convolution drawn at random, and what it is fed.
struct Drawn {
    name: String,
    graph: Graph,
    parameters: RandomParameters,
    batch: u32,
    /// [N, C, H, W].
    x: Vec<f32>,
    timesteps: Vec<u32>,
    /// [N, C', H, W].
    d_output: Vec<f32>,
}

impl Drawn {
    /// Sides up to 20 and channels up to 150, half of them no multiple of 4: one or two sources, any stride, padding and
    /// upsampling that there is, an embedding, a residual.
    fn new(draw: u32) -> Self {
        let words: Vec<u32> = (0..4).flat_map(|i| word_block(150, Stream::DataOrder, 0, draw, i)).collect();
        let below = |ix: usize, n: u32| words[ix] % n;
        let channels = |ix: usize, most: u32| match below(ix, 2) {
            0 => 4 * (1 + below(ix + 1, most / 4)),
            _ => 1 + below(ix + 1, most),
        };
        let (kernel, stride, upsample) =
            [(1, 1, false), (3, 1, false), (3, 1, false), (3, 2, false), (3, 1, true)][below(0, 5) as usize];
        let size =
            [1 + below(1, 20), 1 + below(2, 20)].map(|side| if upsample { side.div_ceil(2) } else { side });
        let size = if stride == 2 { size.map(|side| side.max(2)) } else { size };
        let padding = if stride == 2 { below(3, 2) } else { kernel / 2 };
        let out_size = size.map(|side| match (upsample, stride, padding) {
            (true, ..) => 2 * side,
            (false, 2, 0) => side / 2,
            (false, 2, _) => side.div_ceil(2),
            _ => side,
        });
        let (sources, out_channels, batch) = (1 + below(4, 2) as usize, channels(5, 150), 1 + below(7, 2));

        let mut b = Builder::new(size, channels(8, 150));
        let mut x = vec![b.x()];
        if sources == 2 {
            // The first source again: its gradient is a sum of two, of which one is accumulated.
            x.push(if below(10, 2) == 0 { b.x() } else { b.pointwise(x[0], &[channels(11, 150)]) });
        }
        let add_embedding =
            (below(13, 2) == 1).then(|| Segment { tensor: b.embedding(&[3, out_channels]), segment_ix: 1 });
        let mut conv = Conv2d {
            layers: vec![b.layer(&[out_channels, b.channels(&x[..1]), kernel, kernel])],
            x: x[..1].to_vec(),
            kernel,
            stride,
            padding,
            upsample,
            add_embedding: None,
            residual: None,
            out: b.tensor(out_size, &[out_channels]),
        };
        if below(14, 2) == 1 {
            b.push(Op::Conv2d(conv.clone()));
            conv.residual = Some(conv.out);
        }
        conv.layers = vec![b.layer(&[out_channels, b.channels(&x), kernel, kernel])];
        conv.out = b.tensor(out_size, &[out_channels]);
        conv.add_embedding = add_embedding;
        conv.x = x;
        let name = format!("draw {draw}, batch {batch}, {size:?}, {out_channels} channels out, {conv:?}");
        let out = conv.out;
        b.push(Op::Conv2d(conv));
        let graph = b.finish(out);
        let elements = |tensor| {
            let tensor = graph.tensor(tensor);
            (batch * tensor.pixels() * tensor.channels()) as usize
        };
        Self {
            name,
            parameters: RandomParameters::new(&graph, u64::from(draw)),
            x: normals(1, elements(graph.input()), 0.0, 1.0),
            timesteps: (0..batch).map(|n| 300 * n).collect(),
            d_output: normals(2, elements(out), 0.0, 1.0),
            batch,
            graph,
        }
    }

    /// The output, and x's gradient.
    fn run(&self, gpu: &GpuContext) -> [Vec<f32>; 2] {
        let batch = Batch {
            x: &self.x,
            timesteps: &self.timesteps,
            labels: None,
            d_output: &self.d_output,
            training: None,
        };
        let (output, mut gradients) = gradients(gpu, &self.graph, &self.parameters, &batch);
        [output, gradients.remove(SAMPLE).expect("x's gradient")]
    }

    /// The device with `method` for the convolutions that it can be for, and whether there are any.
    fn with(&self, tiled: &GpuContext, method: Method) -> (GpuContext, bool) {
        let can = |shape: &ConvShape| shape.allows(&method, tiled.abilities());
        let by_rule = chosen_methods(tiled, &self.graph, self.batch);
        let any = by_rule.iter().any(|(shape, _)| can(shape));
        let chosen =
            by_rule.into_iter().map(|(shape, rule)| (shape, if can(&shape) { method } else { rule }));
        (tiled.with_methods(Methods::Chosen(chosen.collect())), any)
    }
}

/// The methods of any convolution of `drawn`'s and its gradients under the tiling of `gpu`, weights in f32; and the splits that
/// its sums allow, though it be too small to be worth them.
fn methods(drawn: &Drawn, gpu: &GpuContext) -> Vec<Method> {
    let abilities = Abilities { half_weights: false, ..gpu.abilities() };
    let shapes = chosen_methods(gpu, &drawn.graph, drawn.batch);
    let mut methods: Vec<Method> = Vec::new();
    for (shape, _) in shapes {
        let plain = shape.methods(abilities);
        let split = [2, 3, 16]
            .into_iter()
            .flat_map(|splits| plain.iter().map(move |&method| Method { splits, ..method }));
        let allowed = split.filter(|method| shape.allows(method, abilities));
        for method in plain.iter().copied().chain(allowed) {
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
    }
    methods
}

#[test]
fn another_convolution_is_seen() {
    let mut drawn = Drawn::new(0);
    let want = drawn.run(gpu());
    let weight = &drawn.graph.params[drawn.graph.params.len() - 2].name;
    drawn.parameters = RandomParameters::new(&drawn.graph, 0).scaled(weight, 1.0001);
    for (found, want) in drawn.run(gpu()).iter().zip(&want) {
        assert_fails("weights a ten-thousandth off", || assert_relative_l2("spoilt", found, want, TOLERANCE));
    }
}

#[test]
fn every_method_agrees_with_the_naive_kernels_on_random_shapes() {
    let naive = gpu().with_tile(Tile::Naive);
    let tiled = [Tile::Workgroup { size: 32 }, Tile::Registers].map(|tile| gpu().with_tile(tile));
    let (mut runs, mut splits) = (0, 0);
    for draw in 0..DRAWS {
        let drawn = Drawn::new(draw);
        let want = drawn.run(&naive).map(|values| values.into_iter().map(f64::from).collect::<Vec<_>>());
        for gpu in &tiled {
            for method in methods(&drawn, gpu) {
                let (gpu, any) = drawn.with(gpu, method);
                assert!(any, "{}: {method:?} is for none of its convolutions", drawn.name);
                let found = drawn.run(&gpu);
                for ((found, want), what) in found.iter().zip(&want).zip(["output", "x's gradient"]) {
                    assert_relative_l2(
                        &format!("{}, {method:?}: {what}", drawn.name),
                        found,
                        want,
                        TOLERANCE,
                    );
                }
                runs += 1;
                if method.splits > 1 {
                    splits += 1;
                    for (again, found) in drawn.run(&gpu).iter().zip(&found) {
                        assert_same_bits(&drawn.name, again, found);
                    }
                }
            }
        }
    }
    println!("{runs} runs of {DRAWS} convolutions, {splits} of them split");
    assert!(splits > DRAWS, "{splits} runs with a split");
}
