//! The variational bound on the GPU, and what is made of its terms.

mod bound;
mod table;
mod whole;
