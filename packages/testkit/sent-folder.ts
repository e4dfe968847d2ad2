/** The variable that names the folder in which each process of a test run writes the members that its tests send. */
export const SENT_FOLDER = "GANTRY_SENT_MEMBERS";
