package clinic

import (
	"slices"
)

// askWord, in place of a password, has it asked for at the terminal.
const askWord = "ask"

// users takes in the users. Their ids are derived of their addresses.
func (r *fileReader) users(o object) {
	lines := map[string]int{} // by address
	for _, n := range o.list("users") {
		u := r.object(n, "a user", "email", "name", "role", "id", "clinics", "permissions", "password", "password_hash", "disabled")
		user := u.user()
		if line, twice := lines[fold(user.Email)]; twice {
			r.fail(n.line, "the user %s stands on line %d already", user.Email, line)
			continue
		}
		lines[fold(user.Email)] = n.line
		if len(user.Clinics) == 0 && len(r.known.Clinics) == 0 {
			r.fail(n.line, "there is no clinic for the user to work in: the file needs one under \"clinics\"")
			continue
		}
		r.takeUser(u, user)
	}
}

func (r *fileReader) takeUser(u object, user User) {
	wants := user.Wants(r.known)
	for i := range wants {
		wants[i].line = u.line
		r.want(wants[i])
	}
	id := wants[0].Key.ID
	if had := byName(r.known.Users, fold(user.Email)); slices.ContainsFunc(had, func(n Named) bool { return n.ID != id }) {
		r.fail(u.line, "another user has the address %s; leave out the id to mean that one", user.Email)
	}
	if word, _ := u.text("password"); word == askWord {
		r.asked = append(r.asked, Named{id, fold(user.Email)})
	}
}

func (u object) user() User {
	user := User{Email: u.needed("email"), Name: u.needed("name"), Role: u.needed("role"), Clinics: u.clinics("clinics"), May: u.permissions()}
	if _, given := u.get("id"); given {
		user.ID = u.id("users")
	}
	if user.Email != "" && user.Name != "" && user.Role != "" {
		if err := user.Check(); err != nil {
			u.r.fail(u.line, "%v", err)
		}
	}
	user.Hash = u.password()
	if is, said := u.bool("disabled", false); said {
		user.Disabled = &is
	}
	return user
}

// password is the hash, if there is one. A password itself does not belong into a file,
// and no message repeats what stands there.
func (u object) password() string {
	hash, said := u.text("password_hash")
	n, _ := u.get("password_hash")
	if said {
		if err := CheckHash(hash); err != nil {
			u.r.fail(n.line, "%v", err)
		}
	}
	word, asks := u.text("password")
	n, _ = u.get("password")
	switch {
	case asks && word != askWord:
		u.r.fail(n.line, "no password belongs into a file: write \"password: ask\" to be asked for it, or \"password_hash\" with its bcrypt hash")
	case asks && said:
		u.r.fail(n.line, "a user has \"password: ask\" or \"password_hash\", not both")
	}
	return hash
}

func (u object) permissions() map[string]bool {
	n, ok := u.get("permissions")
	if !ok {
		return nil
	}
	var columns []string
	for _, p := range permissions {
		columns = append(columns, p.column)
	}
	may := map[string]bool{}
	o := u.r.object(n, "the list of permissions", columns...)
	for _, c := range columns {
		if is, said := o.bool(c, false); said {
			may[c] = is
		}
	}
	return may
}
