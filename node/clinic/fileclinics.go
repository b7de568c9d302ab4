package clinic

import (
	"slices"

	"musafir/crdt"
)

// clinics takes in the clinics with their departments. What else stands in the file may
// name them.
func (r *fileReader) clinics(o object) {
	var here []Named
	for _, n := range o.list("clinics") {
		c := r.object(n, "a clinic", "name", "key", "id", "is_archived", "departments")
		name := c.needed("name")
		id := c.id("clinics", c.key(name))
		if _, given := c.get("id"); !given {
			id = adopt(r.known.Clinics, id, name)
		}
		w := c.row("clinics", id, name)
		w.set("name", crdt.Text(name), true)
		c.flags(&w, false, "is_archived")
		r.want(w)
		here = append(here, Named{id, name})
		for _, d := range c.list("departments") {
			r.department(d, id)
		}
	}
	others := slices.DeleteFunc(slices.Clone(r.known.Clinics), func(n Named) bool { _, is := byID(here, n.ID); return is })
	r.known.Clinics = append(here, others...)
}

func (r *fileReader) department(n node, clinic string) {
	d := r.object(n, "a department", "name", "key", "id", "code", "description", "can_dispense_medications", "can_perform_labs", "can_perform_imaging")
	name := d.needed("name")
	w := d.row("clinic_departments", d.id("clinic_departments", clinic, d.key(name)), name)
	w.set("clinic_id", crdt.Text(clinic), true)
	w.set("name", crdt.Text(name), true)
	w.set("status", crdt.Text("active"), false)
	w.set("additional_capabilities", crdt.Text("[]"), false)
	d.texts(&w, "code", "description")
	d.flags(&w, false, "can_dispense_medications", "can_perform_labs", "can_perform_imaging")
	r.want(w)
}
