package sim

import (
	"fmt"
	"strings"

	"musafir/crdt"
	"musafir/node/wire"
)

const wordsMax = 6 // items of a list that are spelled out

// words says what stands in a frame.
func (b *book) frame(f wire.Frame) string {
	switch f := f.(type) {
	case *wire.Hello:
		return b.hello(f)
	case *wire.Frontier:
		return b.frontier(f)
	case *wire.Have:
		return "have " + b.heads(f.Heads)
	case *wire.Trail:
		return b.trail(f)
	case *wire.Grant:
		return fmt.Sprintf("grant %d KiB", f.Bytes>>10)
	case *wire.Batch:
		return b.batch(f)
	case *wire.Proof:
		return fmt.Sprintf("proof, %d bytes", len(f.Packed))
	case *wire.Bye:
		return strings.TrimSpace(fmt.Sprintf("bye %d %s", f.Code, f.Text))
	}
	return f.Kind().String()
}

func (b *book) hello(f *wire.Hello) string {
	s := fmt.Sprintf("hello, holds %x", f.Digest[:4])
	if f.Base != [8]byte{} {
		s += fmt.Sprintf(", both held %x", f.Base[:4])
	}
	if f.Unmerged > 0 {
		s += fmt.Sprintf(", %d not merged", f.Unmerged)
	}
	return s
}

func (b *book) frontier(f *wire.Frontier) string {
	s := "frontier "
	if f.Base != [8]byte{} {
		s += fmt.Sprintf("since %x ", f.Base[:4])
	}
	if f.Full {
		s += "in full "
	}
	s += b.heads(f.Heads)
	if f.More {
		s += " ..."
	}
	return s
}

func (b *book) log(id crdt.ShortID) string {
	if name, ok := b.logs[id]; ok {
		return name
	}
	return fmt.Sprintf("%x", id[:4])
}

// fork tells branches of a log apart where it has more than one entry of a number.
func (b *book) fork(n int) string {
	x := &b.entries[n]
	if len(b.bySeq[seqKey{x.log, x.seq}]) < 2 {
		return ""
	}
	return fmt.Sprintf("(%x)", x.id[:2])
}

func (b *book) heads(heads []wire.Head) string {
	var list []string
	for _, h := range heads {
		s := fmt.Sprint(b.log(h.Log), " ", h.Seq)
		if n, ok := b.head(h); ok {
			s += b.fork(n)
		}
		list = append(list, s)
	}
	return some(list)
}

func some(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	if n := len(list) - wordsMax; n > 0 {
		list = append(list[:wordsMax:wordsMax], fmt.Sprint("and ", n, " more"))
	}
	return strings.Join(list, ", ")
}

func (b *book) trail(f *wire.Trail) string {
	s := "trail of " + b.log(f.Log) + ":"
	for _, p := range f.Points {
		s += fmt.Sprint(" ", p.Seq)
		if n, ok := b.byHead[headKey{f.Log, p.Seq, p.Hash}]; ok {
			s += b.fork(n)
		}
	}
	return s
}

func (b *book) batch(f *wire.Batch) string {
	var runs []string
	for i := range f.Runs {
		r := &f.Runs[i]
		s := fmt.Sprint(b.log(crdt.EntryID(r.Log).Short()), " ", r.Seq)
		if n := len(r.Entries); n > 1 {
			s += fmt.Sprint("-", r.Seq+uint64(n)-1)
		}
		runs = append(runs, s)
	}
	s := "batch of " + some(runs)
	if !f.End {
		return s + " ..."
	}
	return fmt.Sprint(s, ", seals ", len(f.Seals))
}
