/* SPDX-License-Identifier: MIT */
/* test_fleet_key.c - the key file of the fleet: known by its form, and never said */
#include "conf/fleet.h"
#include "conf/key_file.h"
#include "place.h"
#include <unistd.h>

FIXTURE(place_set_up, place_tear_down);

static int check(const struct row *row, mode_t mode, enum fleet_key_form *ret_form,
		 char name[FLEET_KEY_NAME_MAX])
{
	place_write("fleet.key", row_text(row, "file"), row_length(row, "file"), mode);
	return fleet_key_check(place_path("fleet.key"), ret_form, name, &place.error);
}

ROWS(a_key_is_known_by_its_form)
{
	enum fleet_key_form form;
	char name[FLEET_KEY_NAME_MAX];

	if (check(row, 0640, &form, name))
		fail_msg("%s", place.error.text);
	assert_int_equal(form, row_choice(row, "form", "bind line"));
	assert_string_equal(name, row_text(row, "name"));
}

ROWS(what_is_no_key_is_refused_without_its_secret)
{
	enum fleet_key_form form;

	assert_int_equal(check(row, 0640, &form, NULL), IPREP_E_CONFIG);
	assert_has(place.error.text, place_path("fleet.key"));
	assert_has(place.error.text, row_text(row, "says"));
	assert_null(strstr(place.error.text, "c2VjcmV0"));
}

TEST(a_key_that_others_may_read_is_refused_and_a_missing_one_is_told_apart)
{
	static const char text[] = "fleet:c2VjcmV0c2VjcmV0\n";
	enum fleet_key_form form;

	assert_int_equal(fleet_key_check(place_path("fleet.key"), &form, NULL, &place.error), 1);
	place_write("fleet.key", text, strlen(text), 0644);
	assert_int_equal(fleet_key_check(place_path("fleet.key"), &form, NULL, &place.error),
			 IPREP_E_PERM);
	assert_has(place.error.text, "too open for a key file");
	assert_ok(unlink(place_path("fleet.key")));
	assert_ok(symlink("/etc/hostname", place_path("fleet.key")));
	assert_int_equal(fleet_key_check(place_path("fleet.key"), &form, NULL, &place.error),
			 IPREP_E_PERM);
}
