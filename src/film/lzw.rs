//! LZW as GIF has it: symbols of 8 bits, codes of 9 to 12, least significant bit first.

/// The code that empties the table; below it, every code is its symbol.
const CLEAR: u16 = 256;
const END: u16 = 257;
/// The table is full at this many codes.
const MOST: u16 = 4096;
/// Slots of the hash table.
const SLOTS: usize = 1 << 13;
/// In a slot that is free: no code has it as its prefix.
const FREE: u32 = u32::MAX;

/// `symbols`, compressed.
pub(super) fn compress(symbols: &[u8]) -> Vec<u8> {
    let mut out = Bits { bytes: Vec::new(), pending: 0, count: 0 };
    let mut table = Table::new();
    out.put(CLEAR, table.width);
    let mut symbols = symbols.iter().copied();
    if let Some(first) = symbols.next() {
        let mut prefix = u16::from(first);
        for symbol in symbols {
            if let Some(code) = table.extended(prefix, symbol) {
                prefix = code;
                continue;
            }
            out.put(prefix, table.width);
            if table.next == MOST {
                out.put(CLEAR, table.width);
                table = Table::new();
            } else {
                table.insert(prefix, symbol);
            }
            prefix = symbol.into();
        }
        out.put(prefix, table.width);
        table.widen();
    }
    out.put(END, table.width);
    out.finish()
}

/// The strings that have a code: each is another, its prefix, and a symbol more.
struct Table {
    /// `prefix · 256 + symbol` and the code, by open addressing.
    slots: Vec<(u32, u16)>,
    /// The next code.
    next: u16,
    /// Bits of a code.
    width: u32,
}

impl Table {
    fn new() -> Self {
        Self { slots: vec![(FREE, 0); SLOTS], next: END + 1, width: 9 }
    }

    /// Where `key` is, or would be.
    fn slot(&self, key: u32) -> usize {
        let mut slot = (key.wrapping_mul(0x9E37_79B1) >> 19) as usize;
        while self.slots[slot].0 != key && self.slots[slot].0 != FREE {
            slot = (slot + 1) % SLOTS;
        }
        slot
    }

    /// The code of `prefix` and `symbol`, if there is one.
    fn extended(&self, prefix: u16, symbol: u8) -> Option<u16> {
        let (key, code) = self.slots[self.slot(key(prefix, symbol))];
        (key != FREE).then_some(code)
    }

    fn insert(&mut self, prefix: u16, symbol: u8) {
        self.widen();
        let key = key(prefix, symbol);
        let slot = self.slot(key);
        self.slots[slot] = (key, self.next);
        self.next += 1;
    }

    /// The reader's table is a code behind: its codes widen once the next one needs it.
    fn widen(&mut self) {
        if u32::from(self.next) == 1 << self.width && self.next < MOST {
            self.width += 1;
        }
    }
}

fn key(prefix: u16, symbol: u8) -> u32 {
    u32::from(prefix) << 8 | u32::from(symbol)
}

/// Codes being put together to bytes.
struct Bits {
    bytes: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, code: u16, width: u32) {
        self.pending |= u32::from(code) << self.count;
        self.count += width;
        while self.count >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push(self.pending as u8);
        }
        self.bytes
    }
}
