//! Enums that are plain words.

/// Gives an enum of plain words its one text form. A text that is none of the words is handed,
/// escaped, to the function that makes the error.
macro_rules! words {
    ($type:ident, $error:ty, $wrong:path, $($variant:ident = $word:literal),+ $(,)?) => {
        impl $type {
            /// Every value with its text form.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$variant, $word)),+];
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }

        impl std::str::FromStr for $type {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($wrong($crate::escape::excerpt(text))),
                }
            }
        }
    };
}

pub(crate) use words;
