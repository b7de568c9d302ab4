package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt" // passwords as the app's own server keeps them

	"musafir/crdt"
	"musafir/node/clinic"
)

// A user is somebody who logs in with the app, as the API shows it: never with a hash.
type user struct {
	ID       string  `json:"id"`
	Email    string  `json:"email"`
	Name     string  `json:"name"`
	Role     string  `json:"role"`
	Clinics  []named `json:"clinics"` // in which the user may do something
	Disabled bool    `json:"disabled"`
	Password bool    `json:"password"` // there is one
}

// known is what the camp has that a user, or a file, may name.
func (s *Server) known() (clinic.Known, error) {
	camp, _ := s.backend.Camp()
	k := clinic.Known{Camp: camp}
	for _, x := range []struct {
		table string
		list  *[]clinic.Named
	}{{"clinics", &k.Clinics}, {"users", &k.Users}, {"registration_forms", &k.Forms}} {
		err := s.backend.Scan(x.table, "", func(r *crdt.Record) (bool, error) {
			if name, ok := clinic.NameOf(r); ok {
				*x.list = append(*x.list, clinic.Named{ID: r.Key.ID, Name: name})
			}
			return true, nil
		})
		if err != nil {
			return k, err
		}
	}
	return k, nil
}

func (s *Server) users(c *call) error {
	users, err := s.allUsers()
	if err != nil {
		return err
	}
	return c.answerJSON(http.StatusOK, map[string]any{"users": users})
}

// allUsers are in the order of their addresses.
func (s *Server) allUsers() ([]user, error) {
	known, err := s.known()
	if err != nil {
		return nil, err
	}
	where, err := s.workplaces(known)
	if err != nil {
		return nil, err
	}
	users := []user{}
	for _, k := range known.Users {
		u, err := s.userDoc(k, where[k.ID])
		if err != nil {
			return nil, err
		}
		users = append(users, u)
	}
	slices.SortStableFunc(users, func(a, b user) int { return strings.Compare(a.Email, b.Email) })
	return users, nil
}

func (s *Server) userDoc(k clinic.Named, clinics []named) (user, error) {
	r, err := s.backend.Record(crdt.RecordKey{Collection: "users", ID: k.ID})
	if err != nil {
		return user{}, err
	}
	p, err := s.backend.Record(crdt.RecordKey{Collection: clinic.Passwords, ID: k.ID})
	if err != nil {
		return user{}, err
	}
	hash, disabled := clinic.Admission(p)
	fields := r.View().Fields
	return user{ID: k.ID, Email: k.Name, Name: textOf(member(fields, "name")), Role: textOf(member(fields, "role")),
		Clinics: append([]named{}, clinics...), Disabled: disabled, Password: hash != ""}, nil
}

// textOf is a text, "" of anything else.
func textOf(v crdt.Value) string {
	if v.Kind() != crdt.KindText {
		return ""
	}
	return v.Text()
}

// workplaces are the clinics of each user.
func (s *Server) workplaces(known clinic.Known) (map[string][]named, error) {
	names := map[string]string{}
	for _, c := range known.Clinics {
		names[c.ID] = c.Name
	}
	where := map[string][]named{}
	err := s.backend.Scan("user_clinic_permissions", "", func(r *crdt.Record) (bool, error) {
		fields := r.View().Fields
		id, at := textOf(member(fields, "user_id")), textOf(member(fields, "clinic_id"))
		if name, ok := names[at]; ok && clinic.MaySomething(fields) {
			where[id] = append(where[id], named{ID: at, Name: name})
		}
		return true, nil
	})
	for _, list := range where {
		slices.SortFunc(list, func(a, b named) int { return strings.Compare(a.Name+"\x00"+a.ID, b.Name+"\x00"+b.ID) })
	}
	return where, err
}

func noUser(id string) error {
	return &problem{Status: http.StatusNotFound, Detail: "There is no user with the id " + id + "."}
}

// answerUser answers with a user as it is now.
func (s *Server) answerUser(c *call, status int, id string) error {
	users, err := s.allUsers()
	if err != nil {
		return err
	}
	for _, u := range users {
		if u.ID == id {
			return c.answerJSON(status, u)
		}
	}
	return noUser(id)
}

// addUser makes a user of {"email","name","role","clinics","password"}.
func (s *Server) addUser(c *call) error {
	b, err := c.body(jsonType)
	if err != nil {
		return err
	}
	known, err := s.known()
	if err != nil {
		return err
	}
	u, password, err := newUser(b, known)
	if err != nil {
		return err
	}
	if password != "" {
		if u.Hash, err = hashOf(password); err != nil {
			return err
		}
	}
	wants := u.Wants(known)
	if _, err := s.carryOut(c, wants); err != nil {
		return err
	}
	return s.answerUser(c, http.StatusCreated, wants[0].Key.ID)
}

// newUser reads a user whom there is not yet.
func newUser(body []byte, known clinic.Known) (u clinic.User, password string, err error) {
	members, err := parseDocument(body)
	if err != nil {
		return u, "", err
	}
	for _, m := range members {
		switch m.name {
		case "email":
			u.Email, err = m.text()
		case "name":
			u.Name, err = m.text()
		case "role":
			u.Role, err = m.text()
		case "clinics":
			u.Clinics, err = m.clinics(known)
		case "password":
			password, err = m.password()
		default:
			err = m.unknown(`"email", "name", "role", "clinics" and "password"`)
		}
		if err != nil {
			return u, "", err
		}
	}
	return u, password, checkNew(&u, known)
}

func checkNew(u *clinic.User, known clinic.Known) error {
	u.Email = strings.ToLower(strings.TrimSpace(u.Email))
	if err := u.Check(); err != nil {
		return badRequest("%v", err)
	}
	if slices.ContainsFunc(known.Users, func(n clinic.Named) bool { return n.Name == u.Email }) {
		return &problem{Status: http.StatusConflict, Detail: "There is a user with the address " + u.Email + " already."}
	}
	if len(known.Clinics) == 0 {
		return &problem{Status: http.StatusConflict, Detail: "There is no clinic yet for the user to work in. A file makes one: musafir apply --example prints such a file."}
	}
	return nil
}

func (p part) clinics(known clinic.Known) (ids []string, err error) {
	items, err := p.items()
	if err != nil {
		return nil, err
	}
	for _, it := range items {
		name, err := it.text()
		if err != nil {
			return nil, err
		}
		id, err := clinic.ClinicNamed(known, name)
		if err != nil {
			return nil, badRequest("%v", err)
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// password is one that can be one. What it is stands in no error.
func (p part) password() (string, error) {
	text, err := p.text()
	if err != nil {
		return "", badRequest("\"password\" is a text.")
	}
	if err := clinic.CheckPassword(text); err != nil {
		return "", badRequest("%v", err)
	}
	return text, nil
}

func hashOf(password string) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		return "", errors.New("hash the password") // what bcrypt says of it goes nowhere
	}
	return string(hash), nil
}

// setPassword gives a user a password: {"password": "..."}.
func (s *Server) setPassword(c *call) error {
	m, err := c.soleMember("password", "the user's new one")
	if err != nil {
		return err
	}
	password, err := m.password()
	if err != nil {
		return err
	}
	return s.changePassword(c, func(id, email string) (clinic.Want, error) {
		hash, err := hashOf(password)
		return clinic.PasswordWant(id, email, hash, nil), err
	})
}

func (s *Server) disableUser(c *call) error { return s.setDisabled(c, true) }
func (s *Server) enableUser(c *call) error  { return s.setDisabled(c, false) }

func (s *Server) setDisabled(c *call, disabled bool) error {
	return s.changePassword(c, func(id, email string) (clinic.Want, error) {
		return clinic.PasswordWant(id, email, "", &disabled), nil
	})
}

// changePassword changes what lets the user in whom the path names.
func (s *Server) changePassword(c *call, to func(id, email string) (clinic.Want, error)) error {
	id := c.r.PathValue("id")
	known, err := s.known()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(known.Users, func(n clinic.Named) bool { return n.ID == id })
	if i < 0 {
		return noUser(id)
	}
	want, err := to(id, known.Users[i].Name)
	if err != nil {
		return err
	}
	now, err := s.backend.Record(want.Key)
	if err != nil {
		return err
	}
	if _, err := s.write(c, clinic.PasswordEdit(now, want), nil); err != nil {
		return err
	}
	return s.answerUser(c, http.StatusOK, id)
}

// carryOut writes what is wanted and gives what that changed.
func (s *Server) carryOut(c *call, wants []clinic.Want) ([]clinic.Change, error) {
	author, err := c.author()
	if err != nil {
		return nil, err
	}
	changes, edits, err := clinic.Plan(wants, s.backend.Record, time.Now().UnixMilli())
	if err != nil {
		return nil, err
	}
	if err := clinic.CountStock(edits, s.backend); err != nil {
		return nil, err
	}
	// What was begun is finished, even if whoever asked leaves.
	ctx := context.WithoutCancel(c.r.Context())
	for _, batch := range clinic.Transactions(edits) {
		if _, err := s.backend.Write(ctx, crdt.Transaction{Edits: batch, Author: author}); err != nil {
			return nil, err
		}
	}
	return changes, nil
}
