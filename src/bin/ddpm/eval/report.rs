//! What was found, as a paragraph, as JSON and as tables.

use ddpm::eval::{BoundTable, Estimate};
use ddpm::spec::VarianceType;
use serde_json::json;

/// What was evaluated, and how.
pub struct About {
    pub model: String,
    pub dataset: String,
    pub split: &'static str,
    /// With each picture's own label.
    pub labelled: bool,
    pub seed: u64,
    pub variance: VarianceType,
    pub clipped: bool,
    pub adapter: String,
}

impl About {
    fn variance(&self) -> String {
        // Serde's name for it, which is diffusers'.
        serde_json::to_value(self.variance)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// At which t, for people.
fn times(table: &BoundTable) -> String {
    let ranges = table.strata().ranges();
    let num_timesteps = ranges.last().map_or(0, |range| range.end);
    if ranges.len() == num_timesteps as usize {
        return format!("all {num_timesteps} t");
    }
    format!("t = 0 and one t of each of {} ranges", ranges.len() - 1)
}

/// A mean and its interval.
fn shown(estimate: &Estimate, digits: usize) -> String {
    let Estimate { mean, half_width, .. } = estimate;
    if half_width.is_infinite() {
        format!("{mean:.digits$}")
    } else {
        format!("{mean:.digits$} ± {half_width:.digits$}")
    }
}

/// For standard output.
pub fn text(about: &About, table: &BoundTable) -> String {
    let total = table.total();
    let last = table.rate_distortion().pop();
    let distortion = last.as_ref().map_or(f64::NAN, |point| point.distortion);
    let rate = last.map_or_else(|| "none".to_owned(), |point| shown(&point.rate, 3));
    format!(
        "bits/dim {} (95 % interval; standard error {:.4}), an upper bound on the negative log-likelihood\n\
         {} pictures of {} ({}), {}, variance {}{}, seed {}, on {}\n\
         L_T {:.6}   L_1 to L_T-1 {}   L_0 {}\n\
         as a progressive code: rate {rate} bits/dim, distortion {} bits/dim, or {distortion:.3} (RMSE on 0 to 255)\n\
         mean squared error of the predicted noise over all t: {}",
        shown(&total, 4),
        total.standard_error,
        table.pictures(),
        about.dataset,
        if about.labelled { format!("{}, with their labels", about.split) } else { about.split.to_owned() },
        times(table),
        about.variance(),
        if about.clipped { ", clipped" } else { "" },
        about.seed,
        about.adapter,
        table.prior().mean,
        shown(&table.middle(), 4),
        shown(&table.decoder(), 4),
        shown(&table.decoder(), 3),
        shown(&table.noise_error(), 5),
    )
}

fn estimate(estimate: &Estimate) -> serde_json::Value {
    // An infinite interval is null.
    json!({ "mean": estimate.mean, "standard_error": estimate.standard_error, "half_width_95": estimate.half_width })
}

/// For machines.
pub fn json(about: &About, table: &BoundTable) -> String {
    let value = json!({
        "model": about.model,
        "dataset": about.dataset,
        "split": about.split,
        "labelled": about.labelled,
        "pictures": table.pictures(),
        "num_timesteps": table.strata().ranges().last().map(|range| range.end),
        "timesteps_evaluated": table.strata().ranges().len(),
        "seed": about.seed,
        "variance_type": about.variance(),
        "clip_sample": about.clipped,
        "adapter": about.adapter,
        "ddpm": env!("CARGO_PKG_VERSION"),
        "bits_per_dim": {
            "total": estimate(&table.total()),
            "L_T": estimate(&table.prior()),
            "L_1_to_T_minus_1": estimate(&table.middle()),
            "L_0": estimate(&table.decoder()),
        },
        "noise_mse": estimate(&table.noise_error()),
    });
    format!("{value:#}\n")
}

/// Every term: bits per dimension of one t, with its standard error over pictures.
pub fn terms_csv(table: &BoundTable) -> String {
    let mut text =
        String::from("t_first,t_last,bits_per_dim,standard_error,noise_mse,noise_mse_standard_error\n");
    for (range, vb, mse) in table.by_stratum() {
        text.push_str(&format!(
            "{},{},{:.9e},{:.3e},{:.9e},{:.3e}\n",
            range.start,
            range.end - 1,
            vb.mean,
            vb.standard_error,
            mse.mean,
            mse.standard_error
        ));
    }
    text
}

/// The points of figure 5 and table 4 of arXiv 2006.11239.
pub fn rate_distortion_csv(table: &BoundTable) -> String {
    let mut text = String::from(
        "reverse_time,t_first,t_last,rate_bits_per_dim,rate_standard_error,distortion_rmse_255\n",
    );
    for point in table.rate_distortion() {
        text.push_str(&format!(
            "{},{},{},{:.9e},{:.3e},{:.6}\n",
            point.reverse_time,
            point.timesteps.start,
            point.timesteps.end - 1,
            point.rate.mean,
            point.rate.standard_error,
            point.distortion
        ));
    }
    text
}
