package hikma

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"golang.org/x/crypto/bcrypt" // passwords as the app's own server keeps them

	"musafir/node/clinic"
)

// errLogin says nothing of whether there is such an address.
var errLogin = unauthorized("The e-mail address or the password is wrong.")

// passwordBytesMax is of a password that is looked at; bcrypt reads less.
const passwordBytesMax = 1024

// A login is somebody who was let in.
type login struct {
	user
	place
	token string
}

// logIn lets somebody in who has the right password. client is "" where the app does not
// say which phone it is on; what it gets then is for no sync.
func (s *Server) logIn(ctx context.Context, client, name, address, password string) (*login, error) {
	address = fold(address)
	if clinic.CheckEmail(address) != nil || password == "" || len(password) > passwordBytesMax {
		return nil, errLogin
	}
	users, err := s.usersAt(address)
	if err != nil {
		return nil, err
	}
	known, err := s.knows(client, users)
	if err != nil {
		return nil, err
	}
	u, hash, err := s.compare(ctx, guess{client: client, address: address, known: known, exists: len(users) > 0}, users, password)
	if err != nil {
		return nil, err
	}
	if client != "" {
		if err := s.letIn(ctx, client, name, u.id); err != nil {
			return nil, err
		}
	}
	at, err := s.workplace(u)
	if err != nil {
		return nil, err
	}
	t := token{client: client, user: u.id, issued: s.now(), digest: digestOf(hash)}
	return &login{u, at, t.seal(s.tokenKey)}, nil
}

// knows tells whether one of those users logged in with that phone before.
func (s *Server) knows(client string, users []user) (bool, error) {
	if client == "" {
		return false, nil
	}
	p, _, err := s.phone(client)
	if err != nil {
		return false, err
	}
	if p.Revoked {
		return false, errRevoked
	}
	for _, u := range users {
		if _, ok := p.users[u.id]; ok {
			return true, nil
		}
	}
	return false, nil
}

// letIn notes who logged in with a phone, first of all, so that somebody can approve it.
func (s *Server) letIn(ctx context.Context, client, name, user string) error {
	p, err := s.noteLogin(ctx, client, name, user)
	if err != nil {
		return err
	}
	return s.admit(p)
}

// An admission is what a user has to match.
type admission struct {
	user
	hash string
}

// compare finds the user whose password it is. Where there is nobody it takes as long.
func (s *Server) compare(ctx context.Context, g guess, users []user, password string) (user, string, error) {
	var open []admission
	for _, u := range users {
		r, err := s.passwordOf(u.id)
		if err != nil {
			return user{}, "", err
		}
		if hash, disabled := clinic.Admission(r); hash != "" && !disabled {
			open = append(open, admission{u, hash})
		}
	}
	if len(open) == 0 {
		open = []admission{{hash: s.nobody()}}
	}
	var found admission
	err := s.guesses.try(ctx, g, s.now, func() error {
		for _, a := range open {
			if bcrypt.CompareHashAndPassword([]byte(a.hash), []byte(password)) == nil && a.id != "" {
				found = a
				return nil
			}
		}
		return errWrong
	})
	if errors.Is(err, errWrong) {
		err = errLogin
	}
	return found.user, found.hash, err
}

// hashOfNobody is a hash that no password has, made as others are.
func hashOfNobody() string {
	hash, err := bcrypt.GenerateFromPassword([]byte(rand.Text()), bcrypt.DefaultCost)
	if err != nil {
		panic("hash: " + err.Error()) // the cost and the length are right
	}
	return string(hash)
}

// orNull is a text, null if there is none.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// sealed is what the app is told in an envelope.
func (l *login) sealed() map[string]any {
	return map[string]any{
		"token": l.token, "user_id": l.user.id, "provider_name": l.user.name, "email": l.email, "role": l.role,
		"clinic_id": orNull(l.place.id), "clinic_name": orNull(l.place.name),
	}
}

// plain is what it is told outside of one: what any of its versions looks for. It has no
// "message", which is how they know an error.
func (l *login) plain() map[string]any {
	doc := l.sealed()
	delete(doc, "token")
	doc["id"], doc["name"], doc["instance_url"] = l.user.id, l.user.name, nil
	whole := map[string]any{"user": doc, "token": l.token}
	for k, v := range doc {
		whole[k] = v
	}
	return whole
}

// identify tells who a token is of, and with which phone, which must be the one that asks.
func (s *Server) identify(client, text string) (who Who, p Phone, err error) {
	t, ok := openToken(s.tokenKey, text)
	if !ok || t.client != client {
		return who, p, errToken
	}
	if p, err = s.phoneThatAsks(client); err != nil {
		return who, p, err
	}
	u, err := s.stillIn(t)
	return Who{Client: client, User: u.id, Email: u.email, Name: u.name}, p, err
}

var errToken = unauthorized("Log in again: the token is wrong, or not of this phone.")

// phoneThatAsks is one with a right token. The record of its login may not have come yet.
func (s *Server) phoneThatAsks(client string) (Phone, error) {
	p, ok, err := s.phone(client)
	if !ok {
		p.Client = client
	}
	if err == nil {
		err = s.admit(p)
	}
	return p, err
}

var errNotYet = &Refusal{http.StatusServiceUnavailable, "This device has not heard of the user yet. It will when it has synced with the others; try again then."}

// stillIn is the user of a token, if nothing came that ended it.
func (s *Server) stillIn(t token) (u user, err error) {
	r, err := s.cfg.Backend.Record(userKey(t.user))
	if err != nil {
		return u, err
	}
	if r == nil || r.Empty() {
		return u, errNotYet
	}
	u, ok := userOf(r)
	if !ok {
		return u, unauthorized("This user was deleted.")
	}
	password, err := s.passwordOf(t.user)
	if err != nil {
		return u, err
	}
	if _, disabled := clinic.Admission(password); disabled {
		return u, unauthorized("This user was disabled.")
	}
	gone, err := s.replaced(password, t.digest)
	if err == nil && gone {
		err = unauthorized("Log in again: the password was changed.")
	}
	return u, err
}

// now is the time.
func (s *Server) now() time.Time { return s.cfg.Now() }
