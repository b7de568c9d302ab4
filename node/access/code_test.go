package access_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"musafir/node/access"
)

func TestParseCode(t *testing.T) {
	const want = access.Code("7K2M-9Q0R-41VX-AB1D")
	for _, s := range []string{
		"7K2M-9Q0R-41VX-AB1D", "7k2m9q0r41vxab1d", " 7K2M 9Q0R\t41VX AB1D\n", "7K2M9Q-0R41VX-AB1D-", "7K2M‑9Q0R–41VX—AB1D", "7K2M−9QoR−4iVX−ABLD",
		"7k2m-9qOr-4lvx-abId", "\u200f7K2M-9Q0R-41VX-AB1D\u200e", "7K2M\u00a09Q0R\u202f41VX\u3000AB1D\ufeff",
	} {
		if got, err := access.ParseCode(s); err != nil || got != want {
			t.Errorf("%q reads as %q, %v", s, got, err)
		}
	}
	if name := want.Name(); name != "7K2M" {
		t.Errorf("its name is %q", name)
	}
	if name := access.Code("7K").Name(); name != "7K" {
		t.Errorf("a broken code is named %q", name)
	}
}

func TestParseCodeRefused(t *testing.T) {
	for s, why := range map[string]string{
		"":                                 "this has 0",
		"7K2M-9Q0R-41VX-AB1":               "this has 15",
		"7K2M-9Q0R-41VX-AB1D-0":            "this has 17",
		strings.Repeat("7", 1000):          "this has 1000",
		"7U2M-9Q0R-41VX-AB1D":              "'U' is in no code",
		"7K2M_9Q0R_41VX_AB1D":              "'_' is in no code",
		"7K2M-9Q0R-41VX-AB1D, thank you":   "',' is in no code",
		"https://camp/7K2M-9Q0R-41VX-AB1D": "':' is in no code",
		"7K2M-9Q0R-41VX-AB1\xff":           "is in no code",
	} {
		if got, err := access.ParseCode(s); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q reads as %q, %v, want %q", s, got, err, why)
		}
	}
}

// A code reads back however it is written, and differs from every other.
func TestLawCode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string) (random [10]byte) {
			copy(random[:], rapid.SliceOfN(rapid.Byte(), 10, 10).Draw(t, what))
			return random
		}
		a, b := draw("random"), draw("other")
		code := access.NewCode(a)
		if (code == access.NewCode(b)) != (a == b) {
			t.Fatalf("%x and %x have the code %s", a, b, code)
		}
		sloppy := strings.NewReplacer("0", rapid.SampledFrom([]string{"0", "o", "O"}).Draw(t, "0"),
			"1", rapid.SampledFrom([]string{"1", "i", "L"}).Draw(t, "1"),
			"-", rapid.SampledFrom([]string{"-", " ", "", " - "}).Draw(t, "-")).Replace(string(code))
		if rapid.Bool().Draw(t, "lower") {
			sloppy = strings.ToLower(sloppy)
		}
		if got, err := access.ParseCode(sloppy); err != nil || got != code {
			t.Fatalf("%q reads as %q, %v, want %q", sloppy, got, err, code)
		}
	})
}

// A MAC is bound to everything that goes into it, and to where each part ends.
func TestMAC(t *testing.T) {
	code := access.NewCode([10]byte{1, 2, 3})
	a, b := device(1), device(2)
	macs := map[[32]byte]string{}
	for what, mac := range map[string][32]byte{
		"as it is":        code.MAC("request", a, b, []byte("tablet")),
		"another code":    access.NewCode([10]byte{1, 2, 3, 9: 1}).MAC("request", a, b, []byte("tablet")),
		"another purpose": code.MAC("answer", a, b, []byte("tablet")),
		"sent back":       code.MAC("request", b, a, []byte("tablet")),
		"another joiner":  code.MAC("request", device(3), b, []byte("tablet")),
		"another name":    code.MAC("request", a, b, []byte("table")),
		"no name":         code.MAC("request", a, b),
		"an empty name":   code.MAC("request", a, b, nil),
		"two parts":       code.MAC("request", a, b, []byte("tab"), []byte("let")),
		"two others":      code.MAC("request", a, b, []byte("tabl"), []byte("et")),
		"moved":           code.MAC("request", a+b, "", []byte("tablet")),
	} {
		if other, ok := macs[mac]; ok {
			t.Errorf("the MAC is the same: %s, %s", what, other)
		}
		macs[mac] = what
	}
	if code.Request(a, b, "tablet") != code.MAC("request", a, b, []byte("tablet")) {
		t.Error("a request is another MAC")
	}
}

func FuzzParseCode(f *testing.F) {
	for _, s := range []string{"7K2M-9Q0R-41VX-AB1D", "7k2m 9qOr 4lvx abid", "", "7K2M", "7U2M-9Q0R-41VX-AB1D", "\u200f7K2M–9Q0R", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		code, err := access.ParseCode(s)
		if err != nil {
			return
		}
		if again, err := access.ParseCode(string(code)); err != nil || again != code || len(code) != 19 || code.Name() != string(code[:4]) {
			t.Fatalf("%q reads as %q and again as %q, %v", s, code, again, err)
		}
	})
}
