package hikma

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"musafir/crdt"
	"musafir/node/clinic"
)

// A user is somebody who logs in, as the row says it.
type user struct {
	id, email, name, role string
	clinic                string // id, "" if the row names none that there is
}

// userIDBytesMax is of ids that somebody can log in with. All that the app makes are
// shorter; the collection takes longer ones.
const userIDBytesMax = 128

// fold is how addresses are compared.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// userOf reads a row; false if it is deleted, or none that can log in.
func userOf(r *crdt.Record) (u user, ok bool) {
	if r == nil || len(r.Key.ID) > userIDBytesMax {
		return u, false
	}
	address, ok := clinic.NameOf(r)
	if !ok || address == "" {
		return u, false
	}
	fields := r.View().Fields
	u = user{id: r.Key.ID, email: address, name: plain(textAt(fields, "name"), crdt.MaxAuthorBytes),
		role: textAt(fields, "role"), clinic: textAt(fields, "clinic_id")}
	u.name = cmp.Or(u.name, plain(address, crdt.MaxAuthorBytes))
	if !slices.Contains(clinic.Roles, u.role) {
		u.role = clinic.Roles[0]
	}
	return u, true
}

// plain is text that a name may have, cut where it is too long.
func plain(s string, bytesMax int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || crdt.IsControl(r) {
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	for len(s) > bytesMax {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimSpace(s)
}

// fieldAt is a field's value, nil if there is none.
func fieldAt(object crdt.Value, name string) (found crdt.Value) {
	if object.Kind() != crdt.KindObject {
		return nil
	}
	for key, v := range object.All() {
		if string(key) == name {
			return v
		}
	}
	return nil
}

// textAt is a field that is a text, "" if it is none.
func textAt(object crdt.Value, name string) string {
	if v := fieldAt(object, name); v.Kind() == crdt.KindText {
		return v.Text()
	}
	return ""
}

// sameAddressMax is how many users with one address are tried: rows that came from
// elsewhere may share it.
const sameAddressMax = 4

// usersAt are those with an address.
func (s *Server) usersAt(address string) (found []user, err error) {
	err = s.cfg.Backend.Scan("users", "", func(r *crdt.Record) (bool, error) {
		if u, ok := userOf(r); ok && u.email == address {
			found = append(found, u)
		}
		return len(found) < sameAddressMax, nil
	})
	return found, err
}

// A place is a clinic.
type place struct{ id, name string }

func (s *Server) placeOf(id string) (p place, ok bool, err error) {
	key := crdt.RecordKey{Collection: "clinics", ID: id}
	if key.Validate() != nil {
		return p, false, nil
	}
	r, err := s.cfg.Backend.Record(key)
	if err != nil || r == nil {
		return p, false, err
	}
	name, ok := clinic.NameOf(r)
	return place{id, name}, ok, nil
}

// workplace is the clinic of a user's row or, if that names none, the first in which the
// user may do something.
func (s *Server) workplace(u user) (first place, err error) {
	p, ok, err := s.placeOf(u.clinic)
	if err != nil || ok {
		return p, err
	}
	found := false
	err = s.cfg.Backend.Scan("user_clinic_permissions", "", func(r *crdt.Record) (bool, error) {
		fields := r.View().Fields
		if textAt(fields, "user_id") != u.id || !clinic.MaySomething(fields) {
			return true, nil
		}
		p, ok, err := s.placeOf(textAt(fields, "clinic_id"))
		if ok && (!found || cmp.Or(strings.Compare(p.name, first.name), strings.Compare(p.id, first.id)) < 0) {
			first, found = p, true
		}
		return true, err
	})
	return first, err
}

// passwordOf is what lets a user in, as a record; nil if this device has none.
func (s *Server) passwordOf(user string) (*crdt.Record, error) {
	return s.cfg.Backend.Record(passwordKey(user))
}

func passwordKey(user string) crdt.RecordKey {
	return crdt.RecordKey{Collection: clinic.Passwords, ID: user}
}

// replaced tells whether an entry that is held here put another password in place of the
// one that a token was given for. One of which nothing is known here may be newer than
// what came to this device.
func (s *Server) replaced(r *crdt.Record, digest passwordDigest) (bool, error) {
	if r == nil || r.Empty() {
		return false, nil
	}
	if livesIn(r, digest) {
		return false, nil
	}
	touches, err := s.cfg.Backend.Touches(r.Key)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(touches, func(t *crdt.Touch) bool { return t.Merged && wrote(t.Change, digest) }), nil
}

const hashField = "hash"

// livesIn tells whether a record shows a hash, or has it as a sibling.
func livesIn(r *crdt.Record, digest passwordDigest) bool {
	v := r.View()
	if v.Deleted {
		return false
	}
	if hash := textAt(v.Fields, hashField); hash != "" && digestOf(hash) == digest {
		return true
	}
	for _, c := range v.Conflicts {
		for _, x := range c.Siblings {
			if c.Path == hashField && x.Value.Kind() == crdt.KindText && digestOf(x.Value.Text()) == digest {
				return true
			}
		}
	}
	return false
}

func wrote(c *crdt.RecordChange, digest passwordDigest) bool {
	return slices.ContainsFunc(c.Writes, func(w crdt.Write) bool {
		return w.Path == hashField && w.Value.Kind() == crdt.KindText && digestOf(w.Value.Text()) == digest
	})
}
