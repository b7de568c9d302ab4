package wire

import "fmt"

// A Kind is the first byte of a frame.
type Kind byte

// The kinds of frames.
const (
	KindHail     Kind = 1
	KindProve    Kind = 2
	KindProof    Kind = 3
	KindHello    Kind = 4
	KindFrontier Kind = 5
	KindHave     Kind = 6
	KindTrail    Kind = 7
	KindGrant    Kind = 8
	KindBatch    Kind = 9
	KindBeat     Kind = 10
	KindBye      Kind = 11
	KindKnock    Kind = 20
	KindWelcome  Kind = 21
	KindRecover  Kind = 22
)

// kinds says of each kind its name, how large a frame of it may be, and how an
// empty one is made.
var kinds = [...]struct {
	name string
	max  int
	make func() Frame // nil: there is no such kind
}{
	KindHail:     {"hail", MaxSmallFrameBytes, func() Frame { return new(Hail) }},
	KindProve:    {"prove", MaxSmallFrameBytes, func() Frame { return new(Prove) }},
	KindProof:    {"proof", MaxProofFrameBytes, func() Frame { return new(Proof) }},
	KindHello:    {"hello", MaxSmallFrameBytes, func() Frame { return new(Hello) }},
	KindFrontier: {"frontier", MaxFrameBytes, func() Frame { return new(Frontier) }},
	KindHave:     {"have", MaxFrameBytes, func() Frame { return new(Have) }},
	KindTrail:    {"trail", MaxTrailBytes, func() Frame { return new(Trail) }},
	KindGrant:    {"grant", MaxSmallFrameBytes, func() Frame { return new(Grant) }},
	KindBatch:    {"batch", MaxFrameBytes, func() Frame { return new(Batch) }},
	KindBeat:     {"beat", MaxSmallFrameBytes, func() Frame { return new(Beat) }},
	KindBye:      {"bye", MaxByeBytes, func() Frame { return new(Bye) }},
	KindKnock:    {"knock", MaxSmallFrameBytes, func() Frame { return new(Knock) }},
	KindWelcome:  {"welcome", MaxSmallFrameBytes, func() Frame { return new(Welcome) }},
	KindRecover:  {"recover", MaxSmallFrameBytes, func() Frame { return new(Recover) }},
}

// Known tells whether this program knows the kind.
func (k Kind) Known() bool { return int(k) < len(kinds) && kinds[k].make != nil }

func (k Kind) String() string {
	if !k.Known() {
		return fmt.Sprintf("kind %d", byte(k))
	}
	return kinds[k].name
}

// checkSize checks the length of a frame of a known kind.
func (k Kind) checkSize(bytes int) error {
	return tooLarge(k.String()+" frame", bytes, kinds[k].max, "bytes")
}
