package main

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"testing"

	"musafir/crdt"
	"musafir/store"
)

// What phones are shown depends on who takes part, and on what is held and not merged: the digest
// of that is another one then, and stays as it is otherwise.
func TestPhoneControlDigest(t *testing.T) {
	d := runHere(t)
	alone := phoneRecords{d}.Control()
	if alone != (phoneRecords{d}).Control() {
		t.Error("it changes by itself")
	}
	key, _, err := ed25519.GenerateKey(nil)
	check(t, err)
	_, err = d.Admit(context.Background(), crdt.Admission{Device: key, Role: crdt.RoleMember, Name: "B"})
	check(t, err)
	if alone == (phoneRecords{d}).Control() {
		t.Error("nobody can tell that a device joined")
	}
}

func TestPhoneControlDigestOfHeldEntries(t *testing.T) {
	d, err := openDevice(initDevice(t), store.Lock{}, reach{}, slog.New(slog.DiscardHandler))
	check(t, err)
	t.Cleanup(func() { check(t, d.Close()) })
	before := phoneRecords{d}.Control()
	newer, err := crdt.ParseEntry([]byte{1, 0x85, 0, 0x80, 0x60, 0x60, 0x81, 0x82, 9, 0x60}) // a change of a kind that nobody knows yet
	check(t, err)
	at := crdt.Place{Log: d.Branches()[0].Log, Seq: d.Branches()[0].Head.Seq + 1, Prev: d.Branches()[0].Head.ID}
	b := d.Begin()
	check(t, b.Append(at, newer.ID(at), newer))
	check(t, b.Commit())
	if held := d.HeldPlaces(); len(held) != 1 || held[0] != (store.HeldPlace{Log: at.Log, Seq: at.Seq}) {
		t.Errorf("held are %v", held)
	}
	if before == (phoneRecords{d}).Control() {
		t.Error("nobody can tell that an entry is held")
	}
}
