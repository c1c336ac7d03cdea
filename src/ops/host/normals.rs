//! Host kernel of `shaders/normals.wgsl`: x_T ~ N(0, I), the padding channels 0.

use super::philox::Source;
use super::share::share;
use super::strips::Strips;
use crate::gpu::Call;
use crate::ops::chain::Chain;
use crate::ops::normals::Normals;

/// x = standard normals, in every copy.
pub fn normals(call: &mut Call<'_>) {
    let params: Normals = call.params();
    let chain = call.read_as::<Chain>(0)[0];
    let (level, team, x) = (call.level(), call.team(), call.write(1));
    let strips = Strips::new(params.samples, params.plane, params.stride);
    share(team, strips.of_copies(x, params.copies), |ix, copies| {
        let strip = strips.at(ix);
        let offset = strip.sample as u32 * params.sample_step;
        let noise =
            strip.normals(level, &Source::new(&chain, params.stream, params.t, offset), params.channels);
        for x in copies {
            x.fill(0.0);
            for (channel, noise) in noise.chunks(strip.pixels).enumerate() {
                for (pixel, noise) in x.chunks_mut(params.stride as usize).zip(noise) {
                    pixel[channel] = *noise;
                }
            }
        }
    });
}
