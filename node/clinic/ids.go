package clinic

import (
	"strconv"

	"github.com/google/uuid" // ids that devices derive alike, as the app wants them

	"musafir/crdt"
)

// namespace is where the ids of what a file makes are derived (UUID version 5).
var namespace = uuid.MustParse("4c5b0a0e-7a3d-4f0b-9a53-6d1f5c0f9a21")

// idOf is the id of a thing of a camp by what it is known by: devices that make the same
// thing apart make the same record.
func idOf(camp crdt.CampID, of string, keys ...string) string {
	name := camp.String() + of
	for _, k := range keys {
		name += strconv.Itoa(len(k)) + ":" + k // "a","bc" is not "ab","c"
	}
	return uuid.NewSHA1(namespace, []byte(name)).String()
}

// isUUID tells whether an id is one that the app takes: lower-case, with hyphens.
func isUUID(id string) bool {
	u, err := uuid.Parse(id)
	return err == nil && u.String() == id
}

// Named is a thing and what people call it; of a user that is the address.
type Named struct {
	ID, Name string
}

// Known is what a camp has already that a file may name: what is not deleted.
type Known struct {
	Camp    crdt.CampID
	Clinics []Named // in the order of their ids, as all here
	Users   []Named
	Forms   []Named // for registration
}

// NameOf is what people call a clinic, a form or a user; false if the record is deleted.
func NameOf(r *crdt.Record) (string, bool) {
	column := "name"
	if r.Key.Collection == "users" {
		column = "email"
	}
	v := r.View()
	if v.Deleted || member(v.Fields, "is_deleted").Bool() {
		return "", false
	}
	name := member(v.Fields, column)
	if name.Kind() != crdt.KindText {
		return "", false
	}
	if r.Key.Collection == "users" {
		return fold(name.Text()), true
	}
	return name.Text(), true
}

func byID(list []Named, id string) (Named, bool) {
	for _, n := range list {
		if n.ID == id {
			return n, true
		}
	}
	return Named{}, false
}

func byName(list []Named, name string) (found []Named) {
	for _, n := range list {
		if n.Name == name {
			found = append(found, n)
		}
	}
	return found
}

// adopt is the id of a thing that the camp may have under another one, because it came
// from elsewhere: then that.
func adopt(known []Named, derived, name string) string {
	if _, there := byID(known, derived); there {
		return derived
	}
	if found := byName(known, name); len(found) == 1 {
		return found[0].ID
	}
	return derived
}
