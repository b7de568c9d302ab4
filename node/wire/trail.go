package wire

import (
	"encoding/binary"
	"errors"

	"musafir/crdt"
)

// A Trail helps to find where a log forks: some entries of a branch whose head
// the other side does not know, fewer the further back.
type Trail struct {
	Log    crdt.ShortID // the first 16 bytes of the log's id
	Points []Point      // 1 to MaxTrailPoints, strictly descending by sequence
}

// A Point is an entry of a branch.
type Point struct {
	Seq  uint64
	Hash [8]byte // the first bytes of the entry's id
}

// TrailSeqs lists the sequences of the trail that leads back from a head:
// head-1, head-2, head-4 and so on, and 0. The trail of 0 is empty: a log's
// first entry is known to whoever knows the log.
func TrailSeqs(head uint64) []uint64 {
	var seqs []uint64
	for step := uint64(1); step != 0 && step < head; step <<= 1 {
		seqs = append(seqs, head-step)
	}
	if head > 0 {
		seqs = append(seqs, 0)
	}
	return seqs
}

type trailBody struct {
	_      struct{} `cbor:",toarray"`
	Log    crdt.ShortID
	Points []byte // packed
}

func (*Trail) Kind() Kind { return KindTrail }

func (f *Trail) check() error {
	if len(f.Points) == 0 {
		return errors.New("a trail of no points")
	}
	for i := 1; i < len(f.Points); i++ {
		if f.Points[i-1].Seq <= f.Points[i].Seq {
			return errors.New("the points of a trail do not go back")
		}
	}
	return tooLarge("trail", len(f.Points), MaxTrailPoints, "points")
}

func (f *Trail) appendBody(dst []byte) ([]byte, error) {
	var packed []byte
	for _, p := range f.Points {
		packed = binary.AppendUvarint(packed, p.Seq)
		packed = append(packed, p.Hash[:]...)
	}
	return appendCBOR(dst, &trailBody{Log: f.Log, Points: packed})
}

func (f *Trail) parseBody(b []byte) error {
	var body trailBody
	if err := unmarshal(b, &body); err != nil {
		return err
	}
	f.Log = body.Log
	c := cursor{b: body.Points}
	for len(c.b) > 0 {
		p := Point{Seq: c.uvarint()}
		copy(p.Hash[:], c.take(len(p.Hash)))
		f.Points = append(f.Points, p)
	}
	return c.err
}
