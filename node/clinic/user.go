package clinic

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"musafir/crdt"
)

// Passwords is the collection of what lets users in, under their ids. It is internal:
// never listed, exported or shown.
const Passwords = "_passwords"

const (
	passwordHash = "hash"
	disabledFlag = "disabled"
)

// Roles are those of the app's users.
var Roles = []string{"registrar", "provider", "admin", "super_admin"}

// A permission is a column of what a user may in a clinic, with the roles that have it
// unless something else was said.
type permission struct {
	column string
	roles  []string
}

var permissions = []permission{
	{"can_register_patients", []string{"registrar", "provider", "admin", "super_admin"}},
	{"can_view_history", []string{"provider", "admin", "super_admin"}},
	{"can_edit_records", []string{"provider", "admin", "super_admin"}},
	{"can_delete_records", []string{"admin", "super_admin"}},
	{"is_clinic_admin", []string{"admin", "super_admin"}},
	{"can_edit_other_provider_event", []string{"admin", "super_admin"}},
	{"can_download_patient_reports", []string{"provider", "admin", "super_admin"}},
	{"can_prescribe_medications", []string{"provider", "admin", "super_admin"}},
	{"can_dispense_medications", []string{"admin", "super_admin"}},
	{"can_delete_patient_visits", []string{"admin", "super_admin"}},
	{"can_delete_patient_records", []string{"admin", "super_admin"}},
}

// A User is somebody who logs in with the app.
type User struct {
	ID       string // "": derived from the address
	Email    string
	Name     string
	Role     string
	Clinics  []string        // ids; none: all that there are
	May      map[string]bool // columns of permissions that differ from what the role has
	Hash     string          // bcrypt, of the password; "": nothing is said of it
	Disabled *bool           // nil: nothing is said of it
}

// Check says what is wrong with a user.
func (u *User) Check() error {
	switch {
	case CheckEmail(u.Email) != nil:
		return CheckEmail(u.Email)
	case strings.TrimSpace(u.Name) == "":
		return errors.New("a user needs a name, which the app shows")
	case strings.ContainsFunc(u.Name, unicode.IsControl):
		return errors.New("the user's name has a control character in it")
	case u.Role == "":
		return fmt.Errorf("a user needs a role: one of %s", strings.Join(Roles, ", "))
	case !slices.Contains(Roles, u.Role):
		return fmt.Errorf("there is no role %q; there is %s", u.Role, strings.Join(Roles, ", "))
	case u.Hash != "":
		return CheckHash(u.Hash)
	}
	return nil
}

const emailBytesMax = 254

// CheckEmail wants what can be an address.
func CheckEmail(email string) error {
	name, host, ok := strings.Cut(email, "@")
	if !ok || name == "" || host == "" || strings.Contains(host, "@") || len(email) > emailBytesMax ||
		strings.ContainsFunc(email, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return fmt.Errorf("%q is no e-mail address, such as amina@example.org", email)
	}
	return nil
}

// PasswordRunesMin is how many characters a password has at least: it opens the records to
// whoever holds any phone in the camp's network.
const PasswordRunesMin = 8

// PasswordBytesMax is as far as bcrypt reads.
const PasswordBytesMax = 72

// CheckPassword says why a password cannot be one.
func CheckPassword(text string) error {
	switch {
	case text == "":
		return fmt.Errorf("the password is empty: it needs at least %d characters", PasswordRunesMin)
	case utf8.RuneCountInString(text) < PasswordRunesMin:
		return fmt.Errorf("the password is too short: it needs at least %d characters, best a few words", PasswordRunesMin)
	case len(text) > PasswordBytesMax:
		return fmt.Errorf("the password has %d bytes, and more than %d count for nothing: take a shorter one", len(text), PasswordBytesMax)
	case strings.ContainsFunc(text, unicode.IsControl):
		return errors.New("the password has a line break or another control character in it")
	}
	return nil
}

var bcryptHash = regexp.MustCompile(`^\$2[aby]?\$([0-9]{2})\$[./A-Za-z0-9]{53}$`)

// Costs of a hash: a greater one keeps a device busy for seconds at each login.
const (
	hashCostMin = 4
	hashCostMax = 15
)

// CheckHash wants a bcrypt hash. It never says what stands there.
func CheckHash(hash string) error {
	m := bcryptHash.FindStringSubmatch(hash)
	if m == nil {
		return errors.New("the password's hash is none of bcrypt, which begin with $2a$, $2b$ or $2y$ and have 60 characters")
	}
	if cost, err := strconv.Atoi(m[1]); err != nil || cost < hashCostMin || cost > hashCostMax {
		return fmt.Errorf("the password's hash has the cost %s; %d to %d will do", m[1], hashCostMin, hashCostMax)
	}
	return nil
}

// Wants are the records of a user: a row of the app, one for each clinic with what the
// user may there, and what lets the user in.
func (u *User) Wants(known Known) []Want {
	email := fold(u.Email)
	id := u.ID
	if id == "" {
		id = adopt(known.Users, idOf(known.Camp, "users", email), email)
	}
	row := Want{Key: crdt.RecordKey{Collection: "users", ID: id}, Name: email,
		Set:   []crdt.Field{{Key: "name", Value: crdt.Text(strings.TrimSpace(u.Name))}, {Key: "role", Value: crdt.Text(u.Role)}, {Key: "email", Value: crdt.Text(email)}, {Key: "is_deleted", Value: crdt.False}},
		First: []crdt.Field{{Key: "deleted_at", Value: crdt.Null}}}
	clinics := u.Clinics
	if len(clinics) > 0 {
		row.Set = append(row.Set, crdt.Field{Key: "clinic_id", Value: crdt.Text(clinics[0])})
	} else if len(known.Clinics) > 0 {
		clinics = idsOf(known.Clinics)
		row.First = append(row.First, crdt.Field{Key: "clinic_id", Value: crdt.Text(clinics[0])})
	}
	wants := []Want{row}
	for _, clinic := range clinics {
		wants = append(wants, u.permitted(known, id, clinic))
	}
	if w := PasswordWant(id, email, u.Hash, u.Disabled); len(w.Set) > 0 {
		wants = append(wants, w)
	}
	return wants
}

func idsOf(list []Named) (ids []string) {
	for _, n := range list {
		ids = append(ids, n.ID)
	}
	return ids
}

func (u *User) permitted(known Known, id, clinic string) Want {
	where, _ := byID(known.Clinics, clinic)
	w := Want{
		Key:   crdt.RecordKey{Collection: "user_clinic_permissions", ID: idOf(known.Camp, "user_clinic_permissions", id, clinic)},
		Name:  fold(u.Email) + " in " + where.Name,
		Set:   []crdt.Field{{Key: "user_id", Value: crdt.Text(id)}, {Key: "clinic_id", Value: crdt.Text(clinic)}},
		First: []crdt.Field{{Key: "created_by", Value: crdt.Null}, {Key: "last_modified_by", Value: crdt.Null}},
	}
	for _, p := range permissions {
		may, said := u.May[p.column]
		if !said {
			may = slices.Contains(p.roles, u.Role)
		}
		w.Set = append(w.Set, crdt.Field{Key: p.column, Value: flag(may)})
	}
	return w
}

// PasswordWant is what lets a user in, or no longer.
func PasswordWant(id, email, hash string, disabled *bool) Want {
	w := Want{Key: crdt.RecordKey{Collection: Passwords, ID: id}, Name: email}
	if hash != "" {
		w.Set = append(w.Set, crdt.Field{Key: passwordHash, Value: crdt.Text(hash)})
	}
	if disabled != nil {
		w.Set = append(w.Set, crdt.Field{Key: disabledFlag, Value: flag(*disabled)})
	}
	return w
}

// Admission reads what lets a user in; no hash, if that is none that CheckHash takes: any
// device of the camp may write it, and comparing must not keep this one busy for days.
// Where one disabled the user while another did not, apart, the user is disabled until
// somebody decides.
func Admission(r *crdt.Record) (hash string, disabled bool) {
	if r == nil || r.Empty() {
		return "", false
	}
	v := r.View()
	if h := member(v.Fields, passwordHash); h.Kind() == crdt.KindText && CheckHash(h.Text()) == nil {
		hash = h.Text()
	}
	disabled = member(v.Fields, disabledFlag).Bool()
	for _, c := range v.Conflicts {
		for _, s := range c.Siblings {
			disabled = disabled || c.Path == disabledFlag && s.Value.Bool()
		}
	}
	return hash, disabled
}

// PasswordEdit sets one thing about what lets a user in, and ends what conflict there is
// about it: a password that was replaced must not come back.
func PasswordEdit(r *crdt.Record, want Want) *crdt.Edit {
	e := &crdt.Edit{Key: want.Key, Set: want.Set}
	if r == nil || r.Empty() {
		return e
	}
	for _, c := range r.View().Conflicts {
		if len(want.Set) == 1 && c.Path == want.Set[0].Key {
			return &crdt.Edit{Key: want.Key, Resolve: &crdt.Resolution{Path: c.Path, Value: want.Set[0].Value}}
		}
	}
	return e
}

// MaySomething tells whether a row of permissions permits anything.
func MaySomething(row crdt.Value) bool {
	return slices.ContainsFunc(permissions, func(p permission) bool { return member(row, p.column).Bool() })
}
