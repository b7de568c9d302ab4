package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/store"
	"musafir/store/storetest"
)

// writeBatch appends n entries of some records each and commits them.
func writeBatch(d *storetest.Device, n, records int, fields func(i int) []crdt.Field) error {
	b := d.Store.Begin()
	defer b.Discard()
	keep := d.Author.Author
	for i := range n {
		edits := make([]*crdt.Edit, records)
		for j := range edits {
			// Random ids, so that tables overlap and are merged.
			edits[j] = &crdt.Edit{Key: crdt.RecordKey{Collection: "patients", ID: fmt.Sprintf("%016x", rand.Uint64())}, Set: fields(i*records + j)}
		}
		changes, err := d.Compose(b, edits...)
		if err != nil {
			return err
		}
		it, err := d.Write(d.Now(), nil, changes...)
		if err == nil {
			err = b.Append(it.At, it.ID, it.Entry)
		}
		if err != nil {
			return err
		}
	}
	if err := b.Commit(); err != nil {
		d.Author.Author = keep
		return err
	}
	return nil
}

func randomFields(bytes int) func(int) []crdt.Field {
	return func(int) []crdt.Field {
		noise := make([]byte, bytes)
		for i := range noise {
			noise[i] = byte(rand.Uint32())
		}
		return []crdt.Field{{Key: "name", Value: crdt.Text("Rahima")}, {Key: "noise", Value: crdt.BytesOf(noise)}}
	}
}

// childWrite commits batches until it is killed, and prints the head after each.
func childWrite(dir string) error {
	d, device, err := deviceIn(dir)
	if err != nil {
		return err
	}
	fmt.Println(d.Frontier()[device.Log][0].Seq)
	for {
		if err := writeBatch(device, 1+rand.IntN(8), 1+rand.IntN(64), randomFields(100+rand.IntN(900))); err != nil {
			return err
		}
		fmt.Println(device.Head.Seq)
	}
}

// TestKill kills a writing process again and again: what it had acknowledged is
// there.
func TestKill(t *testing.T) {
	rounds := 20
	if n, err := strconv.Atoi(os.Getenv("MUSAFIR_KILLS")); err == nil {
		rounds = n
	}
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir()
	for round := range rounds {
		c := startChild(t, "write", dir)
		acknowledged := c.line(t)
		for range rand.IntN(50) {
			acknowledged = c.line(t)
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for c.out.Scan() { // said before it died
			if strings.TrimSpace(c.out.Text()) != "" {
				acknowledged = c.out.Text()
			}
		}
		c.Wait()
		checkAcknowledged(t, dir, acknowledged, round%5 == 4 || round == rounds-1)
	}
}

func checkAcknowledged(t *testing.T, dir, acknowledged string, thorough bool) {
	t.Helper()
	want, err := strconv.ParseUint(acknowledged, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	d, err := store.OpenDir(dir, store.Options{})
	if err != nil {
		t.Fatalf("open after a kill: %v", err)
	}
	defer d.Close()
	author, err := storetest.Found(1) // as deviceIn does
	if err != nil {
		t.Fatal(err)
	}
	head, _, _, err := d.Unsealed(author.Log)
	if err != nil || head.Seq < want {
		t.Fatalf("entry %d was acknowledged, the head is %d, %v", want, head.Seq, err)
	}
	if thorough {
		storetest.VerifyClean(t, d.Store)
	}
}
