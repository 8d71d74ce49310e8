//! Much in little.

/// A gzip file (RFC 1952) of `unpacked_bytes` times `a`, about 159 times smaller: one block with fixed Huffman codes
/// (RFC 1951 §3.2.6) whose every code repeats the last byte 258 times. Checksum and length are left zero: who gets
/// as far as to check them has unpacked it all.
pub(super) fn gzip_bomb(unpacked_bytes: usize) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut bits = Bits::default();
    bits.push(0b1, 1); // the last block
    bits.push(0b01, 2); // fixed codes; numbers have their lowest bit first, codes their highest
    bits.push_code(u16::from(b'a') + 0b0011_0000, 8);
    for _ in 0..unpacked_bytes / 258 {
        bits.push_code(0b1100_0101, 8); // length 258
        bits.push_code(0, 5); // distance 1
    }
    bits.push_code(0, 7); // end of block
    file.extend(bits.into_bytes());
    file.extend([0; 8]);
    file
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    fn push(&mut self, number: u16, count: usize) {
        for index in 0..count {
            self.push_bit(number >> index & 1 == 1);
        }
    }

    fn push_code(&mut self, code: u16, count: usize) {
        for index in (0..count).rev() {
            self.push_bit(code >> index & 1 == 1);
        }
    }

    fn push_bit(&mut self, bit: bool) {
        if self.used.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (self.used % 8);
        }
        self.used += 1;
    }

    fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
