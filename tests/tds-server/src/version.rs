//! Owns what differs from one SQL Server to the next; never runs anything.

/// A version of SQL Server by its major number: 10 is 2008, 16 is 2022.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u8, bool);

impl Version {
    /// The version of this year.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "2005" => Self(9, false),
            "2008" => Self(10, false),
            "2008r2" | "2008R2" => Self(10, true),
            "2012" => Self(11, false),
            "2014" => Self(12, false),
            "2016" => Self(13, false),
            "2017" => Self(14, false),
            "2019" => Self(15, false),
            "2022" => Self(16, false),
            "2025" => Self(17, false),
            _ => return None,
        })
    }

    /// 10 for 2008, 16 for 2022.
    pub(crate) fn major(self) -> u8 {
        self.0
    }

    /// Major, minor and build.
    pub(crate) fn numbers(self) -> (u8, u8, u16) {
        match self.0 {
            9 => (9, 0, 5000),
            10 if self.1 => (10, 50, 6560),
            10 => (10, 0, 6814),
            11 => (11, 0, 7507),
            12 => (12, 0, 6449),
            13 => (13, 0, 7037),
            14 => (14, 0, 3480),
            15 => (15, 0, 4430),
            16 => (16, 0, 4195),
            _ => (17, 0, 1000),
        }
    }

    /// The year in the product's name.
    pub(crate) fn year(self) -> &'static str {
        match self.0 {
            9 => "2005",
            10 if self.1 => "2008 R2",
            10 => "2008",
            11 => "2012",
            12 => "2014",
            13 => "2016",
            14 => "2017",
            15 => "2019",
            16 => "2022",
            _ => "2025",
        }
    }

    /// `SERVERPROPERTY('ProductVersion')`.
    pub(crate) fn product(self) -> String {
        let (major, minor, build) = self.numbers();
        format!("{major}.{minor}.{build}.{}", i32::from(self.0 > 10))
    }

    /// `@@VERSION`.
    pub(crate) fn banner(self) -> String {
        format!(
            "Microsoft SQL Server {} - {} (X64) \n\tCopyright (C) Microsoft Corporation\n\tDeveloper Edition (64-bit) on a test double",
            self.year(),
            self.product()
        )
    }

    /// The newest TDS that the version speaks, as LOGINACK writes it.
    pub(crate) fn tds(self) -> u32 {
        match self.0 {
            9 => 0x7209_0002,
            10 if self.1 => 0x730b_0003,
            10 => 0x730a_0003,
            _ => 0x7400_0004,
        }
    }
}
