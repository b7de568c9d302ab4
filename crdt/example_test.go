package crdt_test

import (
	"fmt"

	"musafir/crdt"
)

// Two nurses edit the same patient offline. They changed different fields, and
// one field both: the first merges without a word, the second is a conflict in
// which neither loses what she wrote.
func Example_merge() {
	patient := crdt.RecordKey{Collection: "patients", ID: "rahima"}
	write := func(log byte, seq uint64, hour int64, author string, on *crdt.Record, set ...crdt.Field) *crdt.Touch {
		change, err := crdt.Compose(on, &crdt.Edit{Key: patient, Set: set}, nil)
		if err != nil {
			panic(err)
		}
		encoded, err := change.Encode([crdt.SaltSize]byte{log, byte(seq)})
		if err != nil {
			panic(err)
		}
		entry, err := crdt.NewEntry(crdt.TimeAt(hour*3600_000), nil, author, "", []crdt.Change{encoded})
		if err != nil {
			panic(err)
		}
		at := crdt.Place{Log: crdt.LogID{log}, Seq: seq}
		return &crdt.Touch{
			Ref: crdt.Ref{Branch: uint32(log), Seq: seq}, Log: at.Log, Entry: entry.ID(at),
			Time: entry.Time, Author: author, Merged: true, Change: change,
		}
	}
	registered := write(1, 1, 8, "registration", &crdt.Record{Key: patient},
		crdt.Field{Key: "name", Value: crdt.Text("Rahima")}, crdt.Field{Key: "phone", Value: crdt.Text("0170")})
	known := crdt.Refold(patient, []*crdt.Touch{registered})

	// Amina's tablet and Noor's tablet part. Both have seen the registration.
	amina := write(2, 1, 9, "Amina", known,
		crdt.Field{Key: "phone", Value: crdt.Text("0171")}, crdt.Field{Key: "camp", Value: crdt.Text("4")})
	noor := write(3, 1, 10, "Noor", known,
		crdt.Field{Key: "phone", Value: crdt.Text("0172")}, crdt.Field{Key: "sex", Value: crdt.Text("female")})

	// In whatever order the entries arrive, the record is the same.
	record := &crdt.Record{Key: patient}
	for _, t := range []*crdt.Touch{noor, registered, amina} {
		record.Apply(t, nil)
	}
	view := record.View()
	view.Fields.Fields(func(key string, v crdt.Value) { fmt.Println(key, v.Text()) })
	for _, c := range view.Conflicts {
		for _, s := range c.Siblings {
			fmt.Println("beside it,", s.Touch.Author, "wrote", c.Path, s.Value.Text())
		}
	}
	// Output:
	// sex female
	// camp 4
	// name Rahima
	// phone 0172
	// beside it, Amina wrote phone 0171
}
