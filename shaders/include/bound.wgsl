// The two densities of the variational bound (arXiv 2006.11239, eqs. 5 and 13), in nats: diffusion::bound's.

// D_KL(N(mean1, e^log_variance1) ‖ N(mean2, e^log_variance2)), mean_difference = mean1 − mean2.
fn normal_kl(mean_difference: f32, log_variance1: f32, log_variance2: f32) -> f32 {
    let squared = mean_difference * mean_difference;
    return 0.5 * (exp_excess(log_variance1 - log_variance2) + squared * exp(-log_variance2));
}

// e^x − 1 − x without cancellation near 0: by its series to x⁸/8!.
fn exp_excess(x: f32) -> f32 {
    if abs(x) > 0.5 {
        return exp(x) - 1.0 - x;
    }
    let tail = 1.0 + x / 6.0 * (1.0 + x / 7.0 * (1.0 + x / 8.0));
    return 0.5 * x * x * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * tail)));
}

// Half the distance between two of the 256 levels in [−1, 1].
const HALF_LEVEL: f32 = 1.0 / 255.0;
// ln 1e-12: below it, no probability of a level counts.
const LEAST_LOG_PROBABILITY: f32 = -27.631021;

// Where the two edges of x's level lie, in standard deviations from the mean.
struct Level {
    upper: f32,
    lower: f32,
    // upper − lower, not rounded off.
    width: f32,
}

// centred = x − mean. Beyond ±30 nothing is left of either side, and the cube of it stays finite whatever the scale.
fn level_of(centred: f32, log_scale: f32) -> Level {
    let inverse = inverse_scale(log_scale);
    let upper = clamp(inverse * (centred + HALF_LEVEL), -30.0, 30.0);
    let lower = clamp(inverse * (centred - HALF_LEVEL), -30.0, 30.0);
    return Level(upper, lower, inverse * 2.0 * HALF_LEVEL);
}

fn inverse_scale(log_scale: f32) -> f32 {
    return min(exp(-log_scale), 1e30);
}

// ln of the probability that N(mean, e^{2·log_scale}) gives the level that x is; the first and the last are open.
//
// Φ(z) is the logistic function of cdf_logit(z), so ln(Φ(upper) − Φ(lower)) is a sum of three logarithms in which
// nothing cancels.
fn discretized_gaussian_log_likelihood(x: f32, mean: f32, log_scale: f32) -> f32 {
    let level = level_of(x - mean, log_scale);
    var log_probability: f32;
    if x < -0.999 {
        log_probability = log_sigmoid(cdf_logit(level.upper));
    } else if x > 0.999 {
        log_probability = log_sigmoid(-cdf_logit(level.lower));
    } else {
        log_probability = log_sigmoid(cdf_logit(level.upper)) + log_sigmoid(-cdf_logit(level.lower))
            + log_one_minus_exp(logit_width(level));
    }
    return max(log_probability, LEAST_LOG_PROBABILITY);
}

// √(8/π).
const CDF_SLOPE: f32 = 1.5957691216057308;
const CDF_CUBE: f32 = 0.044715;

// √(8/π)·(z + 0.044715·z³).
fn cdf_logit(z: f32) -> f32 {
    return CDF_SLOPE * (z + CDF_CUBE * z * z * z);
}

// cdf_logit(upper) − cdf_logit(lower).
fn logit_width(level: Level) -> f32 {
    let squares = level.upper * level.upper + level.upper * level.lower + level.lower * level.lower;
    return CDF_SLOPE * level.width * (1.0 + CDF_CUBE * squares);
}

// ln(1 / (1 + e^{−x})).
fn log_sigmoid(x: f32) -> f32 {
    return min(x, 0.0) - log(1.0 + exp(-abs(x)));
}

// ln(1 − e^{−x}) for x > 0.
fn log_one_minus_exp(x: f32) -> f32 {
    if x > 0.1 {
        return log(1.0 - exp(-x));
    }
    return log(x * (1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0))));
}
