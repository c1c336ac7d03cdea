//! f64 to decimal text and back, in the few lines that configurations and sentences need: the standard library's way,
//! exact for every number, would be a tenth of the page's program.

use std::fmt;

/// The powers of ten that f64 holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Most digits that a f64 needs.
const MOST_DIGITS: i32 = 17;

/// `digits`·10^`exponent`: the nearest f64 for up to 2^53 and powers to ±22, else within a few units of its last place;
/// infinite where it is too large.
pub fn from_decimal(digits: u64, exponent: i32) -> f64 {
    scaled(digits as f64, exponent)
}

/// x·10^`exponent`.
fn scaled(mut x: f64, mut exponent: i32) -> f64 {
    while exponent > 22 && x != 0.0 && x.is_finite() {
        x *= POWERS[22];
        exponent -= 22;
    }
    while exponent < -22 && x != 0.0 {
        x /= POWERS[22];
        exponent += 22;
    }
    let power = POWERS[exponent.unsigned_abs().min(22) as usize];
    if exponent < 0 { x / power } else { x * power }
}

/// Shows a number with the fewest digits that [`from_decimal`] makes it of again, or with 17.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decimal(pub f64);

impl Decimal {
    /// The digits, as a whole number that does not end in 0, and the power of ten to multiply them with.
    fn digits(self) -> (u64, i32) {
        let x = self.0.abs();
        // The first digit's power of ten, by the exponent of 2.
        let binary = (x.to_bits() >> 52) as i32 - 1023;
        let mut first = (f64::from(binary) * std::f64::consts::LOG10_2).floor() as i32;
        if from_decimal(1, first + 1) <= x {
            first += 1;
        }
        let mut found = (0, 0);
        for count in 1..=MOST_DIGITS {
            let exponent = first + 1 - count;
            found = (scaled(x, -exponent).round() as u64, exponent);
            if from_decimal(found.0, found.1) == x {
                break;
            }
        }
        while found.0 != 0 && found.0 % 10 == 0 {
            found = (found.0 / 10, found.1 + 1);
        }
        found
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0.is_sign_negative() { "-" } else { "" };
        if self.0.is_nan() {
            return f.write_str("NaN");
        }
        if self.0.is_infinite() {
            return write!(f, "{sign}inf");
        }
        if self.0 == 0.0 {
            return write!(f, "{sign}0");
        }
        let (digits, exponent) = self.digits();
        let digits = digits.to_string();
        let point = digits.len() as i32 + exponent;
        let zeros = |count: i32| "0".repeat(count.unsigned_abs() as usize);
        if (-5..=0).contains(&point) {
            write!(f, "{sign}0.{}{digits}", zeros(point))
        } else if exponent < 0 && point > 0 {
            let (whole, fraction) = digits.split_at(point as usize);
            write!(f, "{sign}{whole}.{fraction}")
        } else if (0..16).contains(&exponent) && point < 22 {
            write!(f, "{sign}{digits}{}", zeros(exponent))
        } else {
            write!(f, "{sign}{digits}e{exponent}")
        }
    }
}
