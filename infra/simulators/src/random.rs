//! Numbers that look random and follow from a seed: SplitMix64 (Steele, Lea, Flood 2014), which a few lines hold and
//! no dependency's next version changes.

#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Crockford's base 32, in the lower case that ULIDs in ids have.
const ULID: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`, which is not zero. That the first numbers come up a little more often does no harm here.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// One id in a form such as `pi_{mixed:24}`: each brace is replaced by so many characters of the alphabet that it
    /// names (`hex`, `upper`, `lower`, `mixed`, `ulid`, `digits`) or by a `uuid`. `None` where it names another.
    pub(crate) fn id(&mut self, form: &str) -> Option<String> {
        let mut id = String::new();
        let mut rest = form;
        while let Some((before, after)) = rest.split_once('{') {
            let (alphabet, after) = after.split_once('}')?;
            id.push_str(before);
            let (name, length) = alphabet.split_once(':').unwrap_or((alphabet, "0"));
            let length: usize = length.parse().ok()?;
            match name {
                "uuid" => id.push_str(&self.uuid()),
                "digits" => id.push_str(&self.digits(length)),
                "hex" => id.push_str(&self.text(b"0123456789abcdef", length)),
                "upper" => id.push_str(&self.text(UPPER, length)),
                "lower" => id.push_str(&self.text(LOWER, length)),
                "mixed" => id.push_str(&self.text(MIXED, length)),
                "ulid" => id.push_str(&self.text(ULID, length)),
                _ => return None,
            }
            rest = after;
        }
        id.push_str(rest);
        Some(id)
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        let one = |random: &mut Self| {
            let at = random.below(alphabet.len() as u64);
            char::from(alphabet[usize::try_from(at).expect("less than the alphabet's length")])
        };
        (0..length).map(|_| one(self)).collect()
    }

    /// A number of so many digits: the first is not zero.
    fn digits(&mut self, length: usize) -> String {
        let first = self.text(b"123456789", 1.min(length));
        first + &self.text(b"0123456789", length.saturating_sub(1))
    }

    /// Of version 4 (RFC 9562 §5.4).
    fn uuid(&mut self) -> String {
        let hex = self.text(b"0123456789abcdef", 30);
        let variant = self.text(b"89ab", 1);
        format!("{}-{}-4{}-{variant}{}-{}", &hex[..8], &hex[8..12], &hex[12..15], &hex[15..18], &hex[18..30])
    }
}
